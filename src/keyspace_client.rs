//! The typed door to the objects that keep Redis keys, and to the directory of their names: the questions of a session asked at once, the
//! answers in their order, within the deadline. There is no failure mode here: the session makes errors of what gives no answer.

use tollgate_upstash::message::{in_version, MESSAGES};
use tollgate_upstash::session::{Answer, Asks};

use crate::directory::{self, Listing, Notice, NOTICES};
use crate::handlers::failed;
use crate::object_client::{addressed, Asker, Came, Door, Reached};
use crate::runtime::Bindings;
use worker::Env;

/// Asks. `deadline`: in milliseconds.
pub(crate) async fn ask(env: &Env, directory: &str, asks: Asks, deadline: u32) -> Vec<Answer> {
    match asks {
        Asks::Names {
            prefix,
            after,
            limit,
        } => {
            let door = Door {
                namespace: env.bound().directory(),
                versions: NOTICES,
                in_version: directory::in_version,
                deadline,
                asker: Asker::Worker,
            };
            let notice = Notice::List {
                prefix,
                after,
                limit,
            };
            let call = addressed(directory, &notice.encode_in(NOTICES.written()));
            let came = door.ask(vec![call]).await.pop();
            let names = came
                .and_then(text)
                .and_then(|text| match Listing::decode(&text) {
                    Ok(Listing::Names(names)) => Some(Answer::Names(names)),
                    _ => None,
                });
            vec![names.unwrap_or(Answer::Failed)]
        }
        Asks::Objects { calls, allowance } => {
            let door = Door {
                namespace: env.bound().keyspace(),
                versions: MESSAGES,
                in_version,
                deadline,
                asker: Asker::WorkerAllowing(allowance),
            };
            // Each text goes as soon as it is copied.
            let calls = calls
                .into_iter()
                .map(|(name, text)| addressed(&name, &text));
            let answers = door.ask(calls.collect()).await.into_iter();
            let answer = |came| text(came).map_or(Answer::Failed, Answer::Text);
            answers.map(answer).collect()
        }
    }
}

fn text(came: Came) -> Option<String> {
    match came {
        Ok(Reached(text)) => Some(text),
        Err(failure) => {
            failed(failure);
            None
        }
    }
}
