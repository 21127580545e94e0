//! What a caller asks: the Worker, or the object of a subject itself.

use std::rc::Rc;

use crate::doors::here::Here;
use crate::error::ApiError;

/// One of both.
pub(crate) enum Asked {
    /// The Worker.
    Worker,
    /// An object; `None` where no subject has its name.
    Object(Option<Rc<dyn Here>>),
}

impl Asked {
    /// The object that was asked, if one was.
    pub(super) fn here(&self) -> Result<Option<&Rc<dyn Here>>, ApiError> {
        match self {
            Asked::Worker => Ok(None),
            Asked::Object(Some(here)) => Ok(Some(here)),
            Asked::Object(None) => Err(ApiError::unnamed_object()),
        }
    }
}
