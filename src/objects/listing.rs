//! An object that its namespace's directory lists while it has rows: what it has loaded, its alarm,
//! and its calls to the directory. All classes but the directory's are made of it.
//!
//! The object reports itself when it stores its first row, when what is told of it changes, and
//! when its storage is empty. A call that fails is repeated at the next event, which an alarm
//! brings at the latest.

use core::cell::{Cell, RefCell};
use std::rc::Rc;

use tollgate_core::summary::{Summary, Told};
use tollgate_core::{Duration, Timestamp};
use wasm_bindgen::JsValue;
use worker::{Env, Result, State};

use super::resident::Resident;
use crate::directory::DirectoryCall;
use crate::doors::directory;
use crate::{clock, placement, task};

/// What a class keeps in memory, and its rows.
pub(super) trait Loaded: Sized + 'static {
    /// How long a call to the directory may take.
    const PATIENCE: Duration;
    /// After this time the alarm repeats a call that failed.
    const RETRY: Duration;

    /// Loads the state, and the object's name as far as a row keeps it.
    fn load(state: &State, env: &Env) -> Result<(Self, KeptName)>;

    /// Whether nothing is stored but the name in the directory, as far as memory knows.
    fn is_empty(&self) -> bool;

    /// Deletes what has expired, because the alarm rings. Whether nothing is left and nothing more
    /// is to come.
    fn clean(&mut self) -> Result<bool>;

    /// Sees to it that the alarm rings by `at`.
    fn ring_by(&mut self, at: Timestamp) -> Result<()>;

    /// What the directory is to be told beside the name.
    fn summary(&self) -> Option<Summary> {
        None
    }

    /// Looks whether that has changed since it was told, if it is time; cheap while it is not.
    fn look_for_news(&mut self) {}

    /// Whether it has.
    fn has_news(&self) -> bool {
        false
    }

    /// Stores the name under which the directory lists the object, and what it was told at an
    /// instant.
    fn set_listed(&mut self, name: &str, told: Option<Told>) -> Result<()>;

    /// Deletes the name under which the directory lists the object, if it is stored.
    fn set_unlisted(&mut self) -> Result<()>;

    /// Stores a name that only callers know, of an object that the directory does not list yet.
    fn keep_name(&mut self, name: &str) -> Result<()>;

    /// Empties the storage wholly, alarm included.
    fn empty_storage(&mut self) -> Result<()>;
}

/// An object's name, as a row keeps it.
#[derive(Default)]
pub(super) enum KeptName {
    /// No row does.
    #[default]
    None,
    /// The directory does not list the object. Only callers know its name, and one has told it.
    Own(String),
    /// The directory lists the object under it.
    Listed(String),
}

/// What an object has loaded, and how its listing stands.
pub(super) struct Awake<L> {
    pub(super) loaded: L,
    /// The name under which the directory lists the object, if it does.
    listed: Option<String>,
    /// Whether a row keeps the object's own name while it is not listed.
    keeps_name: bool,
    /// Whether the directory may hold the opposite of `listed`: a call was sent, and nothing says
    /// that it was acknowledged.
    unsure: bool,
    /// Whether an event has found that nothing is stored any more.
    pub(super) emptied: bool,
}

impl<L: Loaded> Awake<L> {
    /// Whether the directory lists the object.
    pub(super) fn is_listed(&self) -> bool {
        self.listed.is_some()
    }

    /// Whether rows are stored, so that the directory has to list the object.
    fn has_rows(&self) -> bool {
        !self.emptied && !self.loaded.is_empty()
    }

    /// Whether nothing is stored any more, so that the directory must not list the object.
    fn is_gone(&self) -> bool {
        self.emptied && self.loaded.is_empty()
    }

    /// The pending call to the directory, if any; `name` is the object's.
    fn pending_call(&self, name: impl FnOnce() -> Option<String>) -> Option<DirectoryCall> {
        let at = Some(clock::now());
        match &self.listed {
            None if self.has_rows() => name().map(|name| self.alive(name)),
            None if self.unsure && self.is_gone() => {
                name().map(|name| DirectoryCall::Gone { name, at })
            }
            Some(name) if self.is_gone() => Some(DirectoryCall::Gone {
                name: name.clone(),
                at,
            }),
            Some(name) if self.loaded.has_news() => Some(self.alive(name.clone())),
            _ => None,
        }
    }

    fn alive(&self, name: String) -> DirectoryCall {
        DirectoryCall::Alive {
            name,
            at: Some(clock::now()),
            summary: self.loaded.summary(),
        }
    }

    /// Whether rows have come although the directory may have removed the object.
    fn is_doubtful(&self) -> bool {
        self.unsure && self.is_listed() && self.has_rows()
    }

    /// Whether a row has to keep the object's own name, because the directory is not told it yet.
    fn lacks_name(&self) -> bool {
        self.listed.is_none() && !self.keeps_name && self.has_rows()
    }

    /// Has the object report itself again.
    fn unlist(&mut self) -> Result<()> {
        self.loaded.set_unlisted()?;
        self.listed = None;
        Ok(())
    }

    /// Stores the object's own name.
    fn keep_name(&mut self, name: &str) -> Result<()> {
        self.loaded.keep_name(name)?;
        self.keeps_name = true;
        Ok(())
    }

    /// Empties the storage wholly.
    fn empty_storage(&mut self) -> Result<()> {
        self.keeps_name = false;
        self.loaded.empty_storage()
    }

    /// Records that the directory has acknowledged a call.
    fn acknowledged(&mut self, call: &DirectoryCall) -> Result<()> {
        self.unsure = false;
        if let DirectoryCall::Alive { name, at, summary } = call {
            let told = summary.clone().zip(*at);
            let told = told.map(|(summary, at)| Told { summary, at });
            self.loaded.set_listed(name, told)?;
            self.listed = Some(name.clone());
            self.keeps_name = false;
            return Ok(());
        }
        // Rows may have been stored meanwhile: then the object reports itself again.
        if !self.loaded.is_empty() {
            return self.unlist();
        }
        self.listed = None;
        self.empty_storage()
    }
}

/// One object of a class.
pub(super) struct ListedObject<L> {
    state: State,
    env: Env,
    resident: Resident<Awake<L>>,
    /// The object's name, as a caller told it or a row has it.
    told_name: RefCell<Option<String>>,
    /// The promise of the calls to the directory that are under way.
    calling: RefCell<Option<JsValue>>,
    /// Whether the call under way removes the object from the list.
    removing: Cell<bool>,
    /// Whether the last call to the directory failed.
    missed: Cell<bool>,
}

impl<L: Loaded> ListedObject<L> {
    /// An object that has loaded nothing yet.
    pub(super) fn new(state: State, env: Env) -> Rc<ListedObject<L>> {
        Rc::new(ListedObject {
            state,
            env,
            resident: Resident::new(),
            told_name: RefCell::new(None),
            calling: RefCell::new(None),
            removing: Cell::new(false),
            missed: Cell::new(false),
        })
    }

    /// Runs a step on the state, which is loaded first if it is not; `run` learns whether it was.
    pub(super) fn with<T>(&self, run: impl FnOnce(&mut Awake<L>, bool) -> Result<T>) -> Result<T> {
        self.resident.with(|| self.load(), run)
    }

    /// Once, and not wherever a step may begin with it.
    #[inline(never)]
    fn load(&self) -> Result<Awake<L>> {
        let (loaded, kept) = L::load(&self.state, &self.env)?;
        let keeps_name = matches!(kept, KeptName::Own(_));
        let (name, listed) = match kept {
            KeptName::None => (None, None),
            KeptName::Own(name) => (Some(name), None),
            KeptName::Listed(name) => (Some(name.clone()), Some(name)),
        };
        if name.is_some() {
            self.told_name.replace(name);
        }
        // An earlier life may have sent a call and not have seen it acknowledged.
        let unsure = listed.is_none() || loaded.is_empty();
        Ok(Awake {
            loaded,
            listed,
            keeps_name,
            unsure,
            emptied: false,
        })
    }

    /// The result of `look` on the state, if it is loaded.
    pub(super) fn look<T>(&self, look: impl FnOnce(&L) -> T) -> Option<T> {
        self.resident.look(|awake| look(&awake.loaded))
    }

    /// Changes the state, if it is loaded.
    pub(super) fn change(&self, change: impl FnOnce(&mut L)) {
        self.resident.change(|awake| change(&mut awake.loaded));
    }

    /// Drops the state; the next step loads it anew.
    pub(super) fn unload(&self) {
        self.resident.unload();
    }

    /// The alarm. The promise settles when the directory has been notified.
    pub(super) fn ring(self: &Rc<Self>) -> core::result::Result<JsValue, JsValue> {
        self.with(|awake, _| {
            awake.emptied = awake.loaded.clean()?;
            match awake.emptied && awake.pending_call(|| self.name()).is_none() {
                true => awake.empty_storage(),
                false => Ok(()),
            }
        })?;
        Ok(self.notify())
    }

    /// Whether an answer has to wait for the directory: it can be reached, and does not list the
    /// object or is about to remove it.
    pub(super) fn awaits_directory(&self) -> bool {
        let is_listed = self.resident.look(Awake::is_listed).unwrap_or(false);
        !self.missed.get() && (!is_listed || self.removing.get())
    }

    /// Sends pending calls to the directory in the background, one at a time so that they arrive in
    /// order. Returns the promise of the last, or undefined if none is pending.
    pub(super) fn notify(self: &Rc<Self>) -> JsValue {
        self.doubt();
        self.keep_name();
        self.resident.change(|awake| awake.loaded.look_for_news());
        if let Some(under_way) = &*self.calling.borrow() {
            return under_way.clone();
        }
        if self.pending_call().is_none() {
            return JsValue::UNDEFINED;
        }
        // A task runs at once until it first waits, and may be done by then.
        self.calling.replace(Some(JsValue::UNDEFINED));
        let object = Rc::clone(self);
        let sent = task::spawn(async move {
            while let Some(call) = object.pending_call() {
                if !object.send(&call).await {
                    break;
                }
            }
            object.calling.replace(None);
            JsValue::UNDEFINED
        });
        if let Some(under_way) = &mut *self.calling.borrow_mut() {
            under_way.clone_from(&sent);
        }
        sent
    }

    /// Deletes a name that need not be listed any more, in the step that stored new rows.
    fn doubt(&self) {
        if self.resident.look(Awake::is_doubtful) == Some(true) {
            if let Err(error) = self.with(|awake, _| awake.unlist()) {
                worker::console_error!("tollgate: a listed name was not deleted: {error}");
            }
        }
    }

    /// Takes the name that a caller tells where the runtime knows none, `undefined` elsewhere. A
    /// Worker of a build from before tells none.
    pub(super) fn is_called(&self, name: &JsValue) {
        if !name.is_undefined() && self.told_name.borrow().is_none() {
            self.told_name.replace(name.as_string());
        }
    }

    /// Stores such a name in the step that stored the first rows: the object may sleep before the
    /// directory has acknowledged it, and be woken by its alarm, which tells no name.
    fn keep_name(&self) {
        if self.resident.look(Awake::lacks_name) != Some(true) {
            return;
        }
        let told = self.told_name.borrow().clone();
        let Some(name) = told.filter(|_| self.state.id().name().is_none()) else {
            return;
        };
        if let Err(error) = self.with(|awake, _| awake.keep_name(&name)) {
            worker::console_error!("tollgate: an object's name was not stored: {error}");
        }
    }

    fn pending_call(&self) -> Option<DirectoryCall> {
        self.resident
            .look(|awake| awake.pending_call(|| self.name()))?
    }

    /// The object's name, as far as the runtime, a caller or a row tells it.
    pub(super) fn known_name(&self) -> Option<String> {
        self.name().or_else(|| {
            let _ = self.with(|_, _| Ok(())); // a row may keep it; what cannot be read does not
            self.name()
        })
    }

    /// The object's name, if a directory can list it. The runtime tells an object a name of at most
    /// 1,024 bytes.
    fn name(&self) -> Option<String> {
        let name = self.state.id().name();
        let name = name.or_else(|| self.told_name.borrow().clone());
        name.filter(|name| placement::directory_for_object(name).is_some())
    }

    /// Makes one call; whether the directory has acknowledged it.
    async fn send(&self, call: &DirectoryCall) -> bool {
        let (DirectoryCall::Alive { name, .. } | DirectoryCall::Gone { name, .. }) = call else {
            return false;
        };
        let Some(directory) = placement::directory_for_object(name) else {
            return false;
        };
        // It may have been listed until now.
        self.keep_name();
        // An object that is listed stays so whatever becomes of news.
        let is_news = matches!(call, DirectoryCall::Alive { .. });
        self.resident
            .change(|awake| awake.unsure |= !(is_news && awake.is_listed()));
        self.removing
            .set(matches!(call, DirectoryCall::Gone { .. }));
        let sent = directory::notify(&self.env, &directory, call, L::PATIENCE).await;
        self.removing.set(false);
        self.missed.set(sent.is_err());
        let error = match sent {
            Ok(()) => {
                let recorded = self.with(|awake, _| awake.acknowledged(call));
                recorded.err().map(|error| error.to_string())
            }
            Err(failure) => Some(failure.word().to_owned()),
        };
        if let Some(error) = &error {
            worker::console_error!("tollgate: the directory was not told: {error}");
            // An object with empty storage would never wake by itself. If storage fails, the next
            // event loads the state anew and notifies the directory.
            let at = clock::now().plus(L::RETRY);
            let _ = self.with(|awake, _| awake.loaded.ring_by(at));
        }
        error.is_none()
    }
}
