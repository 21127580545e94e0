//! What JavaScript calls. Questions and answers are texts of JSON, an instant is a number of whole
//! milliseconds, and what is thrown is the JSON of a [`Failure`].

use tollgate_core::calendar::{Remembered, TimeZone};
use tollgate_core::limit::quota::TimeZoneName;
use tollgate_core::Timestamp;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::failure::Failure;
use crate::limiter::Limiter;

#[wasm_bindgen(raw_module = "tollgate-zones")]
extern "C" {
    /// That of the Worker: see `src/hot.js`.
    #[wasm_bindgen(js_name = zoneOffset)]
    fn zone_offset(zone: &str, milliseconds: f64) -> f64;
}

/// The zones that the runtime's `Intl` knows.
struct Intl;

impl TimeZone for Intl {
    fn offset_at(&self, zone: &TimeZoneName, instant: Timestamp) -> Option<i32> {
        let offset = zone_offset(zone.as_str(), instant.as_millis() as f64);
        // At most a day either way, in whole seconds.
        offset.is_finite().then_some(offset as i32)
    }
}

/// A limiter.
#[wasm_bindgen]
pub struct Core(Limiter);

/// JavaScript has seen to it that this is whole, not negative and within its dates.
fn at(now: f64) -> Timestamp {
    Timestamp::from_millis(now as u64)
}

fn told<T>(answer: Result<T, Failure>) -> Result<T, String> {
    answer.map_err(|failure| failure.to_json())
}

#[wasm_bindgen]
impl Core {
    /// As [`Limiter::new`].
    #[wasm_bindgen(constructor)]
    pub fn new(max_subjects: u32, seed: &str) -> Core {
        let zones = Box::new(Remembered::new(Intl));
        Core(Limiter::new(max_subjects as usize, seed, zones))
    }

    /// As [`Limiter::pass`].
    pub fn pass(&mut self, now: f64) -> u32 {
        u32::try_from(self.0.pass(at(now))).unwrap_or(u32::MAX)
    }

    /// As [`Limiter::put_policy`].
    #[wasm_bindgen(js_name = putPolicy)]
    pub fn put_policy(&mut self, name: &str, text: &str, now: f64) -> Result<f64, String> {
        told(self.0.put_policy(name, text, at(now))).map(|version| version as f64)
    }

    /// As [`Limiter::delete_policy`].
    #[wasm_bindgen(js_name = deletePolicy)]
    pub fn delete_policy(&mut self, name: &str, now: f64) -> Result<(), String> {
        told(self.0.delete_policy(name, at(now)))
    }

    /// As [`Limiter::limit`].
    pub fn limit(&mut self, body: &str, now: f64) -> Result<String, String> {
        told(self.0.limit(body, at(now)))
    }

    /// As [`Limiter::multi`].
    pub fn multi(&mut self, body: &str, now: f64) -> Result<String, String> {
        told(self.0.multi(body, at(now)))
    }

    /// As [`Limiter::status`].
    pub fn status(&mut self, body: &str, now: f64) -> Result<String, String> {
        told(self.0.status(body, at(now)))
    }

    /// As [`Limiter::reset`].
    pub fn reset(&mut self, body: &str, now: f64) -> Result<(), String> {
        told(self.0.reset(body, at(now)))
    }

    /// As [`Limiter::block`].
    pub fn block(&mut self, body: &str, now: f64) -> Result<(), String> {
        told(self.0.block(body, at(now)))
    }

    /// As [`Limiter::report`].
    pub fn report(&mut self, body: &str, now: f64) -> Result<String, String> {
        told(self.0.report(body, at(now)))
    }

    /// As [`Limiter::settle`].
    pub fn settle(&mut self, body: &str, now: f64) -> Result<String, String> {
        told(self.0.settle(body, at(now)))
    }

    /// As [`Limiter::release`].
    pub fn release(&mut self, body: &str, now: f64) -> Result<(), String> {
        told(self.0.release(body, at(now)))
    }

    /// As [`Limiter::renew`].
    pub fn renew(&mut self, body: &str, now: f64) -> Result<String, String> {
        told(self.0.renew(body, at(now)))
    }

    /// As [`Limiter::top_up`].
    pub fn topup(&mut self, body: &str, now: f64) -> Result<String, String> {
        told(self.0.top_up(body, at(now)))
    }
}
