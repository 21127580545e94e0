//! Keeps the namespace's directory told whether an object has anything stored.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use tollgate_core::Duration;
use wasm_bindgen::JsValue;
use worker::{Env, Result};

use crate::directory::DirectoryCall;
use crate::doors::directory;
use crate::{placement, task};

/// An object that the directory lists while it has something stored.
pub(super) trait Listed: 'static {
    /// What the directory has to be told, if anything.
    fn notice(&self) -> Option<DirectoryCall>;

    /// Notes that the directory knows.
    fn note(&self, notice: &DirectoryCall) -> Result<()>;

    /// Sees to it that the object wakes and tells the directory once more: one that is gone would
    /// never wake by itself.
    fn tell_later(&self);

    /// Its listing.
    fn listing(&self) -> &Listing;
}

/// The notices of one object.
pub(super) struct Listing {
    env: Env,
    /// How long one may take.
    patience: Duration,
    /// The promise of those that are under way.
    telling: RefCell<Option<JsValue>>,
    /// Whether the one under way says that the object is gone.
    leaving: Cell<bool>,
    /// Whether the directory was last not reached in time.
    missed: Cell<bool>,
}

impl Listing {
    pub(super) fn new(env: Env, patience: Duration) -> Listing {
        Listing {
            env,
            patience,
            telling: RefCell::new(None),
            leaving: Cell::new(false),
            missed: Cell::new(false),
        }
    }

    /// Whether a notice under way says that the object is gone.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.get()
    }

    /// Whether the directory was last not reached in time.
    pub(super) fn was_missed(&self) -> bool {
        self.missed.get()
    }

    async fn tell(&self, object: &impl Listed, notice: &DirectoryCall) -> bool {
        let (DirectoryCall::Alive { name } | DirectoryCall::Gone { name }) = notice else {
            return false;
        };
        let Some(directory) = placement::directory_for_object(name) else {
            return false;
        };
        self.leaving
            .set(matches!(notice, DirectoryCall::Gone { .. }));
        let told = directory::notify(&self.env, &directory, notice, self.patience).await;
        self.leaving.set(false);
        self.missed.set(told.is_err());
        let error = match told {
            Ok(()) => object.note(notice).err().map(|error| error.to_string()),
            Err(failure) => Some(failure.word().to_owned()),
        };
        if let Some(error) = &error {
            worker::console_error!("tollgate: the directory was not told: {error}");
            object.tell_later();
        }
        error.is_none()
    }
}

/// Tells the directory in the background what it does not know yet; the promise of that, or
/// undefined. One notice at a time, so that they keep their order.
pub(super) fn keep_listed<L: Listed>(object: &Rc<L>) -> JsValue {
    let listing = object.listing();
    if let Some(under_way) = &*listing.telling.borrow() {
        return under_way.clone();
    }
    if object.notice().is_none() {
        return JsValue::UNDEFINED;
    }
    // A task runs at once until it first waits, and may be done by then.
    listing.telling.replace(Some(JsValue::UNDEFINED));
    let teller = Rc::clone(object);
    let told = task::spawn(async move {
        let listing = teller.listing();
        while let Some(notice) = teller.notice() {
            if !listing.tell(&*teller, &notice).await {
                break;
            }
        }
        listing.telling.replace(None);
        JsValue::UNDEFINED
    });
    if let Some(under_way) = &mut *listing.telling.borrow_mut() {
        under_way.clone_from(&told);
    }
    told
}
