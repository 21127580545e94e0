//! The binary `tollgate`.

use std::process::ExitCode;

use clap::Parser;
use tollgate_cli::args::Args;

fn main() -> ExitCode {
    ExitCode::from(tollgate_cli::run(Args::parse()))
}
