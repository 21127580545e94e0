//! Notifies the namespace's directory when an object stores its first row and when its storage is
//! empty.

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
    /// The pending call to the directory, if any.
    fn pending_call(&self) -> Option<DirectoryCall>;

    /// Records that the directory has acknowledged the call.
    fn acknowledged(&self, call: &DirectoryCall) -> Result<()>;

    /// Sets an alarm that retries the call: an object with empty storage would never wake by
    /// itself.
    fn retry_later(&self);

    /// Its listing.
    fn listing(&self) -> &Listing;
}

/// The state of one object's calls to the directory.
pub(super) struct Listing {
    env: Env,
    /// How long a call may take.
    patience: Duration,
    /// The promise of the pending calls.
    pending_promise: RefCell<Option<JsValue>>,
    /// Whether the pending call removes the object from the list.
    removing: Cell<bool>,
    /// Whether the last call to the directory failed.
    missed: Cell<bool>,
}

impl Listing {
    pub(super) fn new(env: Env, patience: Duration) -> Listing {
        Listing {
            env,
            patience,
            pending_promise: RefCell::new(None),
            removing: Cell::new(false),
            missed: Cell::new(false),
        }
    }

    /// Whether the pending call removes the object from the list.
    pub(super) fn is_removing(&self) -> bool {
        self.removing.get()
    }

    /// Whether the last call to the directory failed.
    pub(super) fn was_missed(&self) -> bool {
        self.missed.get()
    }

    async fn send(&self, object: &impl Listed, call: &DirectoryCall) -> bool {
        let (DirectoryCall::Alive { name } | DirectoryCall::Gone { name }) = call else {
            return false;
        };
        let Some(directory) = placement::directory_for_object(name) else {
            return false;
        };
        self.removing
            .set(matches!(call, DirectoryCall::Gone { .. }));
        let sent = directory::notify(&self.env, &directory, call, self.patience).await;
        self.removing.set(false);
        self.missed.set(sent.is_err());
        let error = match sent {
            Ok(()) => object
                .acknowledged(call)
                .err()
                .map(|error| error.to_string()),
            Err(failure) => Some(failure.word().to_owned()),
        };
        if let Some(error) = &error {
            worker::console_error!("tollgate: the directory was not told: {error}");
            object.retry_later();
        }
        error.is_none()
    }
}

/// Sends pending calls to the directory in the background, one at a time so that they arrive in
/// order. Returns the promise of the last, or undefined if none is pending.
pub(super) fn keep_listed<L: Listed>(object: &Rc<L>) -> JsValue {
    let listing = object.listing();
    if let Some(under_way) = &*listing.pending_promise.borrow() {
        return under_way.clone();
    }
    if object.pending_call().is_none() {
        return JsValue::UNDEFINED;
    }
    // A task runs at once until it first waits, and may be done by then.
    listing.pending_promise.replace(Some(JsValue::UNDEFINED));
    let owner = Rc::clone(object);
    let sent = task::spawn(async move {
        let listing = owner.listing();
        while let Some(call) = owner.pending_call() {
            if !listing.send(&*owner, &call).await {
                break;
            }
        }
        listing.pending_promise.replace(None);
        JsValue::UNDEFINED
    });
    if let Some(under_way) = &mut *listing.pending_promise.borrow_mut() {
        under_way.clone_from(&sent);
    }
    sent
}
