//! The rows of the objects in their SQLite storage, and nothing else that knows SQL. Statements are
//! synchronous: nothing can run between a reading and the writing that follows from it.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // the one place that knows storage

mod columns;
pub(super) mod directory;
pub(super) mod keyspace;
pub(super) mod limiter;
pub(super) mod policies;
pub(super) mod records;

use wasm_bindgen::prelude::*;
use worker::{Result, SqlStorage, SqlStorageValue, Storage};

/// The rows that a statement answers, as columns.
fn rows(
    sql: &SqlStorage,
    query: &str,
    bindings: Vec<SqlStorageValue>,
) -> Result<Vec<Vec<SqlStorageValue>>> {
    sql.exec(query, bindings)?.raw().collect()
}

/// Whether there is a table of this name.
fn has_table(sql: &SqlStorage, name: &str) -> Result<bool> {
    const EXISTS: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?";
    Ok(!rows(sql, EXISTS, vec![name.into()])?.is_empty())
}

/// A column of text.
fn text(column: Option<SqlStorageValue>) -> Option<String> {
    match column {
        Some(SqlStorageValue::String(text)) => Some(text),
        _ => None,
    }
}

/// A column that is a whole number.
fn integer(column: Option<SqlStorageValue>) -> Option<i64> {
    match column {
        Some(SqlStorageValue::Integer(number)) => Some(number),
        Some(SqlStorageValue::Float(number)) => Some(number as i64),
        _ => None,
    }
}

/// A column of bytes.
fn bytes(column: Option<SqlStorageValue>) -> Option<Vec<u8>> {
    match column {
        Some(SqlStorageValue::Blob(bytes)) => Some(bytes),
        _ => None,
    }
}

#[wasm_bindgen]
extern "C" {
    type Transactions;

    // The crate has no binding for it. An exception inside rolls back the writes inside.
    #[wasm_bindgen(method, catch, js_name = transactionSync)]
    fn transaction_sync(
        this: &Transactions,
        run: &mut dyn FnMut() -> core::result::Result<JsValue, JsValue>,
    ) -> core::result::Result<JsValue, JsValue>;
}

/// Runs a step whose writes are all made or, with an error, none.
fn all_or_none(storage: &Storage, run: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    let storage: &JsValue = storage.as_raw().as_ref();
    let storage: &Transactions = storage.unchecked_ref();
    storage.transaction_sync(&mut || run().map(|()| JsValue::UNDEFINED).map_err(JsValue::from))?;
    Ok(())
}

/// Sets the alarm to an instant in Unix ms, which replaces any other. Nobody awaits the promise: an
/// answer waits for all writes before it leaves, and the crate's `set_alarm` does nothing until it
/// is awaited.
fn set_alarm(storage: &Storage, at: f64) -> Result<()> {
    let date = js_sys::Date::new(&at.into());
    let _ = storage.as_raw().set_alarm(date, js_sys::Object::new())?;
    Ok(())
}

/// Empties the storage, tables and alarm included, at once; not awaited for the same reason.
fn delete_all(storage: &Storage) -> Result<()> {
    let _ = storage.as_raw().delete_all()?;
    Ok(())
}
