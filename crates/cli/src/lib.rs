//! The command line `tollgate`: policies as files, and what a server makes of them.
//!
//! | modules | what they are |
//! |---|---|
//! | [`args`] | the words of the command line |
//! | [`verbs`] | one function a verb |
//! | [`plan`] | what has to change on the server for it to have what the files say |
//! | [`checked`] | the policies of files by the rules of the server, without one |
//! | [`order`] | bases and parents before what stands on them |
//! | [`files`] | the policies that files hold |
//! | [`server`] | HTTP |
//! | [`yaml`] | YAML, read strictly and written |
//! | [`tree`] | a JSON value with its numbers as they are written |
//! | [`terminal`] | texts of others, so that a terminal only shows them |
//! | [`failure`] | why a verb ends early, and its exit code |
#![forbid(unsafe_code)]

pub mod args;
pub mod checked;
pub mod failure;
pub mod files;
pub mod order;
pub mod plan;
pub mod server;
pub mod terminal;
pub mod tree;
pub mod verbs;
pub mod yaml;

use args::Args;
use terminal::shown_lines;

/// Runs one verb and tells its exit code. What is asked for goes to the standard output, errors to
/// the standard error.
pub fn run(args: Args) -> u8 {
    match verbs::run(args) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("tollgate: {}", shown_lines(&failure.to_string()));
            failure.code()
        }
    }
}
