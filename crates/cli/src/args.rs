//! The words of the command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Tollgate from the command line.
///
/// The token is read from the variable TOLLGATE_TOKEN or from --token-file. Exit codes: 0 done or
/// nothing to do, 1 `diff` found differences, 2 wrong use or files, 3 the server refused or cannot
/// be reached, 4 somebody else's change stands in the way.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version)]
pub struct Args {
    /// Where Tollgate is: https, or http on this machine.
    #[arg(
        long,
        global = true,
        env = "TOLLGATE_URL",
        hide_env_values = true,
        default_value = "http://127.0.0.1:8787"
    )]
    pub url: String,
    /// A file that holds the token, instead of TOLLGATE_TOKEN.
    #[arg(long, global = true)]
    pub token_file: Option<PathBuf>,
    /// Print one JSON document.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to work on.
    #[command(subcommand)]
    pub topic: Topic,
}

/// What to work on.
#[derive(Debug, Subcommand)]
pub enum Topic {
    /// Policies kept as files.
    #[command(subcommand)]
    Policies(Verb),
}

/// What to do with policies.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Check files by the server's rules, without a server.
    Validate {
        /// Folders (their *.yaml, *.yml and *.json) or files.
        #[arg(default_value = "policies")]
        paths: Vec<PathBuf>,
    },
    /// Tell what `apply` would change.
    Diff {
        /// Whose files these are.
        #[command(flatten)]
        set: Set,
        /// Folders (their *.yaml, *.yml and *.json) or files.
        #[arg(default_value = "policies")]
        paths: Vec<PathBuf>,
    },
    /// Bring the server to what the files say.
    Apply {
        /// Whose files these are.
        #[command(flatten)]
        set: Set,
        /// Folders (their *.yaml, *.yml and *.json) or files.
        #[arg(default_value = "policies")]
        paths: Vec<PathBuf>,
        /// Show the plan and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// Delete what these files own and no longer have.
        #[arg(long)]
        prune: bool,
        /// Let --prune delete all that these files own where they hold no policy at all.
        #[arg(long, requires = "prune")]
        allow_empty: bool,
        /// Also change what others own, or have changed since the last `apply`.
        #[arg(long)]
        take_over: bool,
        /// Why, for the audit.
        #[arg(long)]
        reason: Option<String>,
    },
    /// Write the server's policies as files, one a policy.
    Dump {
        /// The folder; it is made where there is none.
        #[arg(default_value = "policies")]
        folder: PathBuf,
        /// Write over files that are there.
        #[arg(long)]
        force: bool,
    },
}

/// Whose files these are.
#[derive(Debug, clap::Args)]
pub struct Set {
    /// The name of this set of files: it owns the policies whose `source` is `files:<name>`.
    #[arg(long, default_value = "default")]
    pub set: String,
}
