//! Requests over several objects: every session against objects and a directory in memory.
#![allow(clippy::unwrap_used)] // the helpers of tests

use std::collections::{BTreeMap, BTreeSet};

use tollgate_upstash::answer::{answer, Reaction};
use tollgate_upstash::command::Access;
use tollgate_upstash::error::RedisError;
use tollgate_upstash::keyspace::{Keyspace, Listed, Row, Rows};
use tollgate_upstash::message::{Allowance, Message};
use tollgate_upstash::protocol::Sent;
use tollgate_upstash::reply::Reply;
use tollgate_upstash::session::SessionCache;
use tollgate_upstash::session::{Answer, Asks, Next, Session};

/// Storage that never held anything: the tests here live in memory.
struct Nothing;

impl Rows for Nothing {
    fn read(&mut self, _: &[u8], _: usize) -> Result<Vec<Row>, RedisError> {
        Ok(Vec::new())
    }

    fn head(&mut self, _: &[u8]) -> Result<Option<Listed>, RedisError> {
        Ok(None)
    }

    fn list(&mut self, _: usize) -> Result<Vec<Listed>, RedisError> {
        Ok(Vec::new())
    }
}

#[derive(Default)]
struct Cluster {
    objects: BTreeMap<String, Keyspace>,
    down: BTreeSet<String>,
    isolate: SessionCache,
    now: i64,
    /// The names of the objects that were asked, in waves.
    waves: Vec<Vec<String>>,
    older: bool,
    calls: u32,
}

impl Cluster {
    fn ask(&mut self, asks: Asks) -> Vec<Answer> {
        match asks {
            Asks::Names {
                prefix,
                after,
                limit,
            } => {
                self.waves.push(vec!["directory".to_owned()]);
                let names = self
                    .objects
                    .keys()
                    .filter(|name| name.starts_with(&prefix) && **name > after);
                vec![Answer::Names(names.take(limit as usize).cloned().collect())]
            }
            Asks::Objects { calls, allowance } => {
                let names = calls.iter().map(|(name, _)| name.clone());
                self.waves.push(names.collect());
                calls
                    .into_iter()
                    .map(|(name, text)| self.call(name, &text, allowance))
                    .collect()
            }
        }
    }

    fn call(&mut self, name: String, text: &str, allowance: Allowance) -> Answer {
        if self.down.contains(&name) {
            return Answer::Failed;
        }
        let object = self
            .objects
            .entry(name)
            .or_insert_with(|| Keyspace::new(Box::new(Nothing), true, 7));
        object.begin(self.now);
        let (version, message) = Message::decode(text).unwrap();
        // Every other object is of an older version, which knows no allowance.
        self.calls += 1;
        let told = Some(allowance).filter(|_| !self.older || self.calls.is_multiple_of(2));
        let Reaction { text, undo } = answer(object, (version, &message), told);
        assert!(!undo, "nothing is stored here that could be read again");
        object.take_changes();
        Answer::Text(text)
    }

    fn finish(&mut self, mut session: Session) -> Vec<Reply> {
        let mut answers = Vec::new();
        self.waves.clear();
        loop {
            match session.advance(answers, &mut self.isolate, self.now) {
                Next::Done(replies) => return replies,
                Next::Ask(asks) => answers = self.ask(asks),
            }
        }
    }

    fn run_as(&mut self, access: Access, prefix: &str, lines: &[&str]) -> Vec<Reply> {
        self.finish(Session::new(commands(lines), access, prefix.to_owned()))
    }

    fn run(&mut self, lines: &[&str]) -> Vec<Reply> {
        self.run_as(Access::Admin, "keyspace:", lines)
    }

    fn one(&mut self, line: &str) -> Reply {
        self.run(&[line]).pop().unwrap()
    }

    fn transaction(&mut self, lines: &[&str]) -> Result<Vec<Reply>, String> {
        let prefix = "keyspace:".to_owned();
        let session =
            Session::transaction(commands(lines), Access::Admin, prefix, &mut self.isolate)?;
        Ok(self.finish(session))
    }
}

fn commands(lines: &[&str]) -> Vec<Sent> {
    let words = |line: &&str| {
        Ok(line
            .split(' ')
            .map(|word| word.as_bytes().to_vec())
            .collect())
    };
    lines.iter().map(words).collect()
}

fn bulk(text: &str) -> Reply {
    Reply::bulk(text.as_bytes())
}

fn sorted(reply: &Reply) -> Vec<String> {
    let Reply::Array(items) = reply else {
        panic!("{reply:?}")
    };
    let mut texts: Vec<String> = items
        .iter()
        .map(|item| match item {
            Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    texts.sort();
    texts
}

fn is_error(reply: &Reply, word: &str) -> bool {
    matches!(reply, Reply::Error(text) if text.starts_with(word))
}

/// Fixed window of 2.2.0, sliding window of 2.2.0, token bucket of 2.2.0, reset.
const FIXED: &str = "b2efc02798c8e9b471a10f9b1d5745db89923ff3";
const SLIDING: &str = "74740bb3d7792848093cdef586b6b6037c455fd6";
const BUCKET: &str = "d60be5bd3d83482ae229309f1f7425424f891204";
const RESET: &str = "54bd274ddc59fb3be0f42deee2f64322a10e2b50";

#[test]
fn one_check_is_one_call_of_one_object() {
    let mut cluster = Cluster {
        now: 1_000,
        ..Cluster::default()
    };
    for line in [
        format!("EVALSHA {FIXED} 1 p:user:7 10 60000 1"),
        format!("EVALSHA {SLIDING} 2 p:user:7 p:user:6 10 420001 60000 1"),
        format!("EVALSHA {BUCKET} 1 p:12345 10 60000 5 420001 1"),
    ] {
        let reply = cluster.one(&line);
        assert!(matches!(reply, Reply::Array(_)), "{line}: {reply:?}");
        assert_eq!(cluster.waves.len(), 1);
        assert_eq!(cluster.waves[0].len(), 1);
    }
    let names: Vec<&String> = cluster.objects.keys().collect();
    assert_eq!(
        names,
        ["keyspace:p%3A12345", "keyspace:p%3Auser"],
        "a numeric bucket has its own object"
    );
}

#[test]
fn a_pipeline_keeps_the_order_per_key_and_asks_all_objects_at_once() {
    let mut cluster = Cluster {
        now: 1_000,
        ..Cluster::default()
    };
    let lines: Vec<String> = (0..1000)
        .map(|number| match number % 4 {
            0 => format!("SET key{} {number}", number / 20),
            1 | 2 => format!("INCR key{}", number / 20),
            _ => format!("GET key{}", number / 20),
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let replies = cluster.run(&lines);
    assert_eq!(cluster.waves.len(), 1);
    assert_eq!(cluster.waves[0].len(), 50);
    for (number, reply) in replies.iter().enumerate() {
        let expected = match number % 4 {
            0 => Reply::ok(),
            3 => bulk(&(number - 1).to_string()),
            step => Reply::Integer((number - number % 4 + step) as i64),
        };
        assert_eq!(*reply, expected, "{number}");
    }
}

#[test]
fn an_object_that_does_not_answer_fails_its_own_commands_and_no_others() {
    let mut cluster = Cluster::default();
    cluster.run(&["SET a 1", "SET b 2", "SET c 3"]);
    cluster.down.insert("keyspace:b".to_owned());
    let replies = cluster.run(&[
        "GET a",
        "GET b",
        "PING",
        "MGET a b",
        "EXISTS a b c",
        "GET c",
        "NOPE",
        "MGET a c",
    ]);
    assert_eq!(replies[0], bulk("1"));
    for at in [1, 3, 4] {
        assert!(
            is_error(&replies[at], "ERR the keys could not be reached"),
            "{at}"
        );
    }
    assert!(is_error(&replies[6], "ERR unknown command 'nope'"));
    assert_eq!(replies[5], bulk("3"));
    assert_eq!(replies[7], Reply::Array(vec![bulk("1"), bulk("3")]));
}

#[test]
fn commands_over_several_keys_answer_as_one() {
    let mut cluster = Cluster::default();
    assert_eq!(cluster.one("MSET a 1 b 2 c 3"), Reply::ok());
    assert_eq!(
        cluster.one("MGET a x c"),
        Reply::Array(vec![bulk("1"), Reply::Nil, bulk("3")])
    );
    assert_eq!(cluster.one("EXISTS a a x b"), Reply::Integer(3));
    assert_eq!(cluster.one("DEL a b x"), Reply::Integer(2));
    assert!(is_error(
        &cluster.one("MSET a 1 b"),
        "ERR wrong number of arguments for 'mset'"
    ));
    assert!(is_error(&cluster.one("SUNIONSTORE a b c"), "CROSSSLOT"));
    assert_eq!(cluster.one("SADD p:denyList:ip 1.1.1.1"), Reply::Integer(1));
    assert_eq!(
        cluster.one("SUNIONSTORE p:denyList:all p:denyList:all p:denyList:ip"),
        Reply::Integer(1)
    );
}

#[test]
fn a_numeric_bucket_is_found_by_every_command_that_may_mean_it() {
    let mut cluster = Cluster {
        now: 1_000_000,
        ..Cluster::default()
    };
    cluster.one(&format!("EVALSHA {BUCKET} 1 p:42 10 60000 5 1000000 1"));
    assert_eq!(
        cluster.one("HMGET p:42 refilledAt tokens"),
        Reply::Array(vec![bulk("1000000"), bulk("9")])
    );
    assert_eq!(cluster.one("PTTL p:42"), Reply::Integer(60_000));
    assert_eq!(cluster.one("TYPE p:42"), Reply::status("hash"));
    assert_eq!(cluster.one("EXISTS p:42"), Reply::Integer(1));
    assert_eq!(cluster.one("HLEN p:42"), Reply::Integer(2));
    assert_eq!(cluster.one("EXPIRE p:42 100"), Reply::Integer(1));
    let all = cluster.one("HGETALL p:42");
    assert!(matches!(all, Reply::Array(items) if items.len() == 4));
    assert_eq!(cluster.one("DEL p:42"), Reply::Integer(1));
    assert_eq!(cluster.one("TTL p:42"), Reply::Integer(-2));
    assert_eq!(cluster.one("TYPE p:42"), Reply::status("none"));
}

#[test]
fn a_dynamic_limit_is_read_once_a_second_and_a_change_here_at_once() {
    let mut cluster = Cluster {
        now: 5_000,
        ..Cluster::default()
    };
    let check = format!("EVALSHA {FIXED} 2 p:user:7 p:dynamic:global 10 60000 1");
    let limit = |reply: Reply| match reply {
        Reply::Array(items) => items[1].clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(limit(cluster.one(&check)), Reply::Integer(10));
    assert_eq!(cluster.waves.len(), 2, "the limit, then the check");
    assert_eq!(limit(cluster.one(&check)), Reply::Integer(10));
    assert_eq!(cluster.waves.len(), 1, "the limit is known");
    cluster.one("SET p:dynamic:global 3");
    assert_eq!(limit(cluster.one(&check)), Reply::Integer(3));
    // Another isolate changes it: seen after a second, not before.
    let mut other = std::mem::take(&mut cluster.isolate);
    cluster.one("SET p:dynamic:global 4");
    std::mem::swap(&mut cluster.isolate, &mut other);
    cluster.now += 999;
    assert_eq!(limit(cluster.one(&check)), Reply::Integer(3));
    cluster.now += 1;
    assert_eq!(limit(cluster.one(&check)), Reply::Integer(4));
    // Within one pipeline the order counts.
    let replies = cluster.run(&[
        &check,
        "SET p:dynamic:global 5",
        &check,
        "DEL p:dynamic:global",
        &check,
    ]);
    let limits: Vec<Reply> = [0, 2, 4].map(|at: usize| limit(replies[at].clone())).into();
    assert_eq!(limits, [4, 5, 10].map(Reply::Integer));
    // What is no limit fails the check, as it does in Redis, and changes nothing.
    cluster.one("SADD p:dynamic:global x");
    assert!(is_error(&cluster.one(&check), "WRONGTYPE"));
    cluster.one("DEL p:dynamic:global");
    cluster
        .down
        .insert("keyspace:p%3Adynamic%3Aglobal".to_owned());
    cluster.now += 2_000;
    assert!(is_error(
        &cluster.one(&check),
        "ERR the keys could not be reached"
    ));
}

#[test]
fn flushdb_empties_every_object_of_its_own_namespace_in_its_place_in_a_pipeline() {
    let mut cluster = Cluster::default();
    let keys: Vec<String> = (0..450)
        .map(|number| format!("SET key{number} 1"))
        .collect();
    cluster.run(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    cluster.run_as(Access::Admin, "other/keyspace:", &["SET mine 1"]);
    let replies = cluster.run(&[
        "SET key1 2",
        "DBSIZE",
        "FLUSHDB",
        "DBSIZE",
        "SET key2 3",
        "KEYS *",
    ]);
    assert_eq!(replies[1], Reply::Integer(450));
    assert_eq!(replies[2], Reply::ok());
    assert_eq!(replies[3], Reply::Integer(0));
    assert_eq!(replies[5], Reply::Array(vec![bulk("key2")]));
    let kept = cluster.run_as(Access::Admin, "other/keyspace:", &["GET mine", "KEYS *"]);
    assert_eq!(kept, [bulk("1"), Reply::Array(vec![bulk("mine")])]);
    cluster.down.insert("keyspace:key2".to_owned());
    assert!(
        is_error(&cluster.one("FLUSHDB"), "ERR"),
        "not acknowledged by all"
    );
}

#[test]
fn scan_finds_every_key_once_and_only_those_that_fit() {
    let mut cluster = Cluster::default();
    let keys: Vec<String> = (0..55)
        .flat_map(|n| [format!("SET s{n}:1 x"), format!("SADD s{n}:2 x")])
        .collect();
    cluster.run(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    for (options, count) in [
        ("", 110),
        ("MATCH *:1", 55),
        ("TYPE set", 55),
        ("MATCH s7:*", 2),
        ("MATCH *:1 TYPE set", 0),
    ] {
        let mut cursor = "0".to_owned();
        let mut found = Vec::new();
        loop {
            let line = format!("SCAN {cursor} {options} COUNT 10");
            let Reply::Array(parts) = cluster.one(&line.replace("  ", " ")) else {
                panic!("{line}")
            };
            found.extend(sorted(&parts[1]));
            let Reply::Bulk(next) = &parts[0] else {
                panic!()
            };
            cursor = String::from_utf8_lossy(next).into_owned();
            if cursor == "0" {
                break;
            }
        }
        let distinct: BTreeSet<&String> = found.iter().collect();
        assert_eq!((found.len(), distinct.len()), (count, count), "{options}");
    }
    for bad in [
        "SCAN x",
        "SCAN 5",
        "SCAN 0 MATCH",
        "SCAN 0 COUNT 0",
        "SCAN 0 COUNT x",
        "SCAN 0 WHAT x",
    ] {
        assert!(is_error(&cluster.one(bad), "ERR"), "{bad}");
    }
}

#[test]
fn each_role_may_do_what_those_below_it_may_and_no_more() {
    let mut cluster = Cluster::default();
    let check = format!("EVALSHA {FIXED} 1 p:user:7 10 60000 1");
    let remaining = "EVALSHA_RO 823cb2a5a902d69681244f5e28e5ebb8f2a89edd 1 p:user:7 10".to_owned();
    for (line, needed) in [
        ("GET a", Access::Read),
        ("PING", Access::Read),
        (&remaining, Access::Read),
        ("SET a 1", Access::Check),
        (&check, Access::Check),
        ("SCRIPT LOAD x", Access::Check),
        ("FLUSHDB", Access::Admin),
        ("SCRIPT FLUSH", Access::Admin),
        ("KEYS *", Access::Admin),
        ("SCAN 0", Access::Admin),
        ("DBSIZE", Access::Admin),
    ] {
        for access in [Access::Read, Access::Check, Access::Admin] {
            let reply = cluster.run_as(access, "keyspace:", &[line]).pop().unwrap();
            assert_eq!(
                is_error(&reply, "NOPERM"),
                access < needed,
                "{line} {access:?}: {reply:?}"
            );
        }
    }
}

#[test]
fn a_transaction_is_one_call_of_one_object_or_refused_as_a_whole() {
    let mut cluster = Cluster {
        now: 1_000,
        ..Cluster::default()
    };
    let replies = cluster.transaction(&[
        "SDIFFSTORE p:denyList:all p:denyList:all p:denyList:ip",
        "DEL p:denyList:ip",
        "SADD p:denyList:ip 1.1.1.1 2.2.2.2",
        "SUNIONSTORE p:denyList:all p:denyList:all p:denyList:ip",
        "SET p:ipDenyListStatus valid PX 1000",
        "TTL p:ipDenyListStatus",
    ]);
    let integers = |values: &[i64]| {
        values
            .iter()
            .map(|value| Reply::Integer(*value))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        replies,
        Ok([
            integers(&[0, 0, 2, 2]),
            vec![Reply::ok(), Reply::Integer(1)]
        ]
        .concat())
    );
    assert_eq!(cluster.waves.len(), 1);
    let bucket = cluster.transaction(&["HSET p:42 tokens 5", "EXPIRE p:42 60", "TTL p:42"]);
    assert_eq!(bucket, Ok(integers(&[1, 1, 60])));
    assert_eq!(
        cluster.transaction(&["SET a 1", "SET b 1"]),
        Err(RedisError::CrossShard.text(&[]))
    );
    assert!(cluster.transaction(&["SET a 1", "FLUSHDB"]).is_err());
    assert!(cluster.transaction(&["SET a 1", "GET"]).is_err());
    assert!(cluster.transaction(&["SET a 1", "LPUSH a 1"]).is_err());
    assert_eq!(cluster.one("GET a"), Reply::Nil, "nothing was executed");
    assert_eq!(
        cluster
            .transaction(&["SET a 1", "HGET a f", "GET a"])
            .map(|replies| replies.len()),
        Ok(3)
    );
    assert_eq!(cluster.transaction(&[]), Ok(vec![]));
}

#[test]
fn resetting_an_identifier_leaves_its_neighbours_alone() {
    let mut cluster = Cluster::default();
    cluster.run(&[
        "SET p:ab:7 1",
        "SET p:ab:8 1",
        "SET p:ab:c:7 1",
        "SET p:abc:7 1",
        "HSET p:ab tokens 1",
        "SET p:a*:7 1",
    ]);
    assert_eq!(
        cluster.one(&format!("EVALSHA {RESET} 1 p:ab:* null")),
        Reply::Nil
    );
    assert_eq!(cluster.one("EXISTS p:ab:7 p:ab:8"), Reply::Integer(0));
    assert_eq!(
        cluster.one("EXISTS p:ab:c:7 p:abc:7 p:ab p:a*:7"),
        Reply::Integer(4)
    );
    cluster.one(&format!("EVALSHA {RESET} 1 p:a*:* null"));
    assert_eq!(cluster.one("EXISTS p:a*:7 p:abc:7"), Reply::Integer(1));
    cluster.one(&format!("EVALSHA {RESET} 1 p:ab null"));
    assert_eq!(cluster.one("EXISTS p:ab"), Reply::Integer(0));
}

#[test]
fn scripts_are_known_without_loading_and_unknown_ones_are_named() {
    let mut cluster = Cluster::default();
    let replies = cluster.run(&[
        &format!("SCRIPT EXISTS {FIXED} 0000000000000000000000000000000000000000"),
        "SCRIPT FLUSH",
        &format!("EVALSHA {} 1 p:user:7 10 60000 1", FIXED.to_uppercase()),
        "EVALSHA 0000000000000000000000000000000000000000 0",
        "EVAL return 0",
        "EVAL return 1 k",
        "EVAL return -1 k",
        "SCRIPT LOAD return",
        "SCRIPT NOPE x",
    ]);
    assert_eq!(
        replies[0],
        Reply::Array(vec![Reply::Integer(1), Reply::Integer(0)])
    );
    assert_eq!(replies[1], Reply::ok());
    assert!(matches!(&replies[2], Reply::Array(_)));
    assert_eq!(
        replies[3],
        Reply::Error("NOSCRIPT No matching script. Please use EVAL.".to_owned())
    );
    for reply in &replies[4..] {
        assert!(is_error(reply, "ERR"), "{reply:?}");
    }
    assert!(is_error(
        &replies[4],
        "ERR unknown Lua script 63143b6f8007b98c53ca2149822777b3566f9241"
    ));
}

#[test]
fn nothing_a_client_sends_is_more_than_an_error() {
    let mut cluster = Cluster::default();
    let huge = "x".repeat(100_000);
    for line in [
        "",
        "@script 472e55443b62f60d given 9 1 k 1 1 1",
        "EVALSHA",
        "EVALSHA b2efc02798c8e9b471a10f9b1d5745db89923ff3 x",
        "EVALSHA b2efc02798c8e9b471a10f9b1d5745db89923ff3 0",
        "EVALSHA b2efc02798c8e9b471a10f9b1d5745db89923ff3 99999999999999999999",
        "GET",
        "SET k",
        "PING a b",
        "SCRIPT LOAD",
        "LPUSH k v",
        "SUBSCRIBE c",
        &huge,
    ] {
        let reply = cluster.one(line);
        assert!(is_error(&reply, "ERR"), "{line}: {reply:?}");
        assert!(matches!(reply, Reply::Error(text) if text.len() < 300));
    }
    assert!(cluster.objects.is_empty());
}

#[test]
fn keys_of_one_hash_tag_are_one_object_in_commands_scripts_and_transactions() {
    let mut cluster = Cluster {
        now: 1_000,
        ..Cluster::default()
    };
    let limiter = [
        "INCR {u1}:minute",
        "EXPIRE {u1}:minute 60 NX",
        "INCRBY rl:{u1}:hour 1",
        "ZADD {u1}:log 1000 a",
        "HSET {u1}:bucket tokens 5 updated_at 1000",
        "HMGET {u1}:bucket tokens updated_at",
        "TTL {u1}:minute",
        "MGET {u1}:minute rl:{u1}:hour {u1}",
        "EXISTS {u1}:minute {u1}:log {u1}:none",
    ];
    let replies = cluster.transaction(&limiter).unwrap();
    assert_eq!(replies[5], Reply::Array(vec![bulk("5"), bulk("1000")]));
    assert_eq!(
        replies[6..8],
        [
            Reply::Integer(60),
            Reply::Array(vec![bulk("1"), bulk("1"), Reply::Nil])
        ]
    );
    assert_eq!(replies[8], Reply::Integer(2));
    assert_eq!(cluster.waves, [["keyspace:%7Bu1%7D"]]);
    // Outside a transaction every command finds them there too.
    assert_eq!(cluster.one("MSET {u1}:a 1 b:{u1} 2"), Reply::ok());
    assert_eq!(cluster.waves, [["keyspace:%7Bu1%7D"]]);
    assert_eq!(
        cluster.one("HMGET {u1}:bucket tokens x"),
        Reply::Array(vec![bulk("5"), Reply::Nil])
    );
    assert_eq!(cluster.one("TTL {u1}:minute"), Reply::Integer(60));
    assert_eq!(cluster.one("SADD s:{u1} x"), Reply::Integer(1));
    assert_eq!(
        cluster.one("SUNIONSTORE t:{u1} s:{u1} {u1}:none"),
        Reply::Integer(1)
    );
    assert_eq!(
        cluster.one("DEL {u1}:a b:{u1} s:{u1} t:{u1}"),
        Reply::Integer(4)
    );
    let sliding = format!("EVALSHA {SLIDING} 2 {{u1}}:now now:{{u1}}:before 10 420001 60000 1");
    assert!(matches!(cluster.one(&sliding), Reply::Array(_)));
    // Another tag, an empty one and none are other objects.
    for other in ["{u2}:minute", "{}{u1}", "u1:minute", "{u1"] {
        let refused = cluster.transaction(&["INCR {u1}:minute", &format!("INCR {other}")]);
        assert_eq!(refused, Err(RedisError::CrossShard.text(&[])), "{other}");
    }
}

#[test]
fn what_an_sdk_keeps_under_a_prefix_with_a_hash_tag_stays_where_it_is_and_is_found() {
    let mut cluster = Cluster {
        now: 1_000_000,
        ..Cluster::default()
    };
    cluster.run(&[
        &format!("EVALSHA {FIXED} 2 {{p}}:u:7 {{p}}:dynamic:global 10 60000 1"),
        &format!("EVALSHA {SLIDING} 2 p:{{u}}:7 p:{{u}}:6 10 420001 60000 1"),
        &format!("EVALSHA {BUCKET} 1 {{p}}:u 10 60000 5 1000000 1"),
        &format!("EVALSHA {BUCKET} 1 {{p}}:42 10 60000 5 1000000 1"),
        "SADD {p}:denyList:all x",
        "SET {p}:dynamic:global 5",
        "ZINCRBY {p}:events:1795222800000 1 e",
    ]);
    let homes: Vec<&String> = cluster.objects.keys().collect();
    assert_eq!(
        homes,
        [
            "keyspace:%7Bp%7D%3A42",
            "keyspace:%7Bp%7D%3AdenyList",
            "keyspace:%7Bp%7D%3Adynamic%3Aglobal",
            "keyspace:%7Bp%7D%3Aevents",
            "keyspace:%7Bp%7D%3Au",
            "keyspace:p%3A%7Bu%7D",
        ]
    );
    for bucket in ["{p}:u", "{p}:42"] {
        let mut one = |command: &str| cluster.one(&command.replace("KEY", bucket));
        let read = Reply::Array(vec![bulk("1000000"), bulk("9")]);
        assert_eq!(one("HMGET KEY refilledAt tokens"), read, "{bucket}");
        assert_eq!(one("HGET KEY refilledAt"), bulk("1000000"));
        assert_eq!(one("PTTL KEY"), Reply::Integer(60_000));
        assert_eq!(one("TYPE KEY"), Reply::status("hash"));
        assert_eq!(one("EXISTS KEY KEY"), Reply::Integer(2));
        assert_eq!(one("EXPIRE KEY 100"), Reply::Integer(1));
        assert!(matches!(one("HGETALL KEY"), Reply::Array(items) if items.len() == 4));
        assert_eq!(one("DEL KEY"), Reply::Integer(1));
        assert_eq!(one("TTL KEY"), Reply::Integer(-2));
        assert_eq!(one("TYPE KEY"), Reply::status("none"));
    }
    // A key in both objects is one key: that of the tag.
    cluster.run(&[
        &format!("EVALSHA {BUCKET} 1 {{p}}:v 10 60000 5 1000000 1"),
        "HSET {p}:v mine 1",
        "EXPIRE {p}:v 5",
    ]);
    assert_eq!(cluster.one("EXISTS {p}:v"), Reply::Integer(1));
    assert_eq!(cluster.one("HLEN {p}:v"), Reply::Integer(1));
    assert_eq!(
        cluster.one("HGETALL {p}:v"),
        Reply::Array(vec![bulk("mine"), bulk("1")])
    );
    assert_eq!(cluster.one("TTL {p}:v"), Reply::Integer(5));
    assert_eq!(cluster.one("DEL {p}:v"), Reply::Integer(1));
}

#[test]
fn a_rank_comes_with_its_score_where_that_is_asked_for() {
    // What Redis 8.2 answers; the differential test compares it only where the server is 7.2 or
    // later.
    let mut cluster = Cluster::default();
    cluster.run(&["ZADD z 1 a 2 b 2.5 c", "SET str 1"]);
    for (line, answer) in [
        (
            "ZRANK z b WITHSCORE",
            Reply::Array(vec![Reply::Integer(1), bulk("2")]),
        ),
        (
            "ZREVRANK z c withscore",
            Reply::Array(vec![Reply::Integer(0), bulk("2.5")]),
        ),
        ("ZRANK z none WITHSCORE", Reply::Nil),
        ("ZRANK none x WITHSCORE", Reply::Nil),
        (
            "ZRANK z b extra",
            Reply::Error("ERR syntax error".to_owned()),
        ),
        (
            "ZRANK str a extra",
            Reply::Error("ERR syntax error".to_owned()),
        ),
        (
            "ZRANK str a WITHSCORE",
            Reply::Error(RedisError::WrongType.text(&[])),
        ),
    ] {
        assert_eq!(cluster.one(line), answer, "{line}");
    }
    for line in ["ZRANK z", "ZRANK z b WITHSCORE extra"] {
        assert!(is_error(
            &cluster.one(line),
            "ERR wrong number of arguments for 'zrank'"
        ));
    }
}

#[test]
fn a_string_grows_by_appending_up_to_its_bound_and_no_further() {
    let append = format!("APPEND s {}", "x".repeat(1 << 19));
    // In one request, as nothing is stored here that an object could forget.
    let replies = Cluster::default().run(&[&append, &append, "APPEND s x", "STRLEN s"]);
    assert_eq!(
        replies[..2],
        [Reply::Integer(1 << 19), Reply::Integer(1 << 20)]
    );
    assert!(is_error(
        &replies[2],
        "ERR string exceeds maximum allowed size"
    ));
    assert_eq!(replies[3], Reply::Integer(1 << 20), "nothing was written");
}

/// Values of so many bytes under `big:0:x`, `big:1:x` …, each in an object of its own.
fn fill(cluster: &mut Cluster, count: usize, bytes: usize) {
    for number in 0..count {
        cluster.one(&format!("SET big:{number}:x {}", "v".repeat(bytes)));
    }
}

fn names(count: usize) -> String {
    let names: Vec<String> = (0..count).map(|number| format!("big:{number}:x")).collect();
    names.join(" ")
}

#[test]
fn the_keys_of_a_request_are_counted_and_those_of_a_script_once() {
    let mut cluster = Cluster::default();
    assert_eq!(
        cluster.one(&format!("EXISTS {}", names(1_000))),
        Reply::Integer(0)
    );
    assert!(cluster.waves.iter().all(|wave| wave.len() <= 64));
    let pairs = "k v ".repeat(1_001);
    for line in [
        format!("EXISTS {}", names(1_001)),
        format!("MGET {}", names(5_000)),
        format!("DEL {}", "k ".repeat(1_001).trim()),
        format!("MSET {}", pairs.trim()),
        format!("SUNIONSTORE {}", "k ".repeat(1_001).trim()),
        format!("EVALSHA {FIXED} 17 {}", "k ".repeat(20)),
        format!("GET {}", "k".repeat(8_193)),
        format!("EVALSHA {FIXED} 1 {} 1 1 1", "k".repeat(8_193)),
        format!("KEYS {}", "*".repeat(1_025)),
        format!("SCAN 0 MATCH {}", "*".repeat(1_025)),
    ] {
        let reply = cluster.one(line.trim());
        assert!(is_error(&reply, "ERR "), "{reply:?}");
        assert!(
            matches!(reply, Reply::Error(text) if text.contains("at most")),
            "{line}"
        );
        assert!(cluster.waves.is_empty(), "nobody is asked");
    }
    // In one request they add up: what does not fit is refused, and nothing else.
    let line = format!("EXISTS {}", names(400));
    let script = format!("EVALSHA {SLIDING} 3 p:u:7 p:u:6 p:dynamic:global 10 420001 60000 1");
    let replies = cluster.run(&[&line, &line, &line, "SET a 1", &script, "GET a"]);
    assert!(is_error(&replies[2], "ERR a request has at most 1000 keys"));
    assert_eq!((&replies[0], &replies[5]), (&Reply::Integer(0), &bulk("1")));
    assert!(matches!(replies[4], Reply::Array(_)));
    let refused = cluster.transaction(&["SET a 1", &format!("DEL {}", "a ".repeat(1_000).trim())]);
    assert!(refused.is_err_and(|text| text.contains("1000 keys")));
    let scripts = vec![&script[..]; 1_000];
    let replies = cluster.run(&scripts);
    assert!(!replies.iter().any(|reply| is_error(reply, "ERR")));
}

#[test]
fn what_does_not_fit_its_share_is_asked_again_by_itself() {
    for older in [false, true] {
        let mut cluster = Cluster {
            older,
            ..Cluster::default()
        };
        fill(&mut cluster, 100, 1_000);
        cluster.one(&format!("SET big:7:x {}", "v".repeat(900_000)));
        let Reply::Array(values) = cluster.one(&format!("MGET {}", names(100))) else {
            panic!()
        };
        let length = |value: &Reply| matches!(value, Reply::Bulk(bytes) if bytes.len() >= 1_000);
        assert!(values.len() == 100 && values.iter().all(length));
        let sizes: Vec<usize> = cluster.waves.iter().map(Vec::len).collect();
        if !older {
            assert_eq!(sizes, [64, 36, 1]);
            assert_eq!(cluster.waves[2], ["keyspace:big%3A7%3Ax"]);
        }
    }
}

#[test]
fn all_replies_to_a_request_together_are_bounded_and_small_ones_are_not_refused_for_them() {
    let mut cluster = Cluster::default();
    fill(&mut cluster, 30, 500_000);
    let mut lines: Vec<String> = (0..30).map(|n| format!("GET big:{n}:x")).collect();
    lines.extend((0..30).map(|n| format!("INCR count:{n}:x")));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let replies = cluster.run(&lines);
    let bytes: usize = replies.iter().map(|reply| reply.cost(usize::MAX)).sum();
    assert!(bytes < 9 << 20);
    let (large, small) = replies.split_at(30);
    let refused = "ERR the replies to a request have at most";
    assert!(large.iter().any(|reply| is_error(reply, refused)));
    assert!(large.iter().any(|reply| matches!(reply, Reply::Bulk(_))));
    assert_eq!(small, vec![Reply::Integer(1); 30]);
    // Over all objects, too.
    let keys = |name: &str| format!("SET {name}{} 1", "k".repeat(8_000));
    for number in 0..1_200 {
        cluster.one(&keys(&format!("long:{number}:")));
    }
    for line in ["KEYS *", "DBSIZE"] {
        assert!(is_error(&cluster.one(line), refused), "{line}");
    }
    assert_eq!(cluster.one("FLUSHDB"), Reply::ok());
    assert_eq!(cluster.one("DBSIZE"), Reply::Integer(0));
}

#[test]
fn what_is_large_is_asked_in_the_order_of_the_request() {
    let mut cluster = Cluster::default();
    fill(&mut cluster, 4, 900_000);
    let lines: Vec<String> = (0..4)
        .flat_map(|number| vec![format!("GET big:{number}:x"); 3])
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let replies = cluster.run(&lines);
    let answered = replies.iter().map(|reply| matches!(reply, Reply::Bulk(_)));
    // The first six are as much as a request may have.
    assert!(answered.eq((0..12).map(|number| number < 6)));
}

#[test]
fn looks_at_members_add_up_over_objects_and_waves() {
    let mut cluster = Cluster::default();
    let members: Vec<String> = (0..10_000).map(|number| format!("m{number}")).collect();
    for number in 0..40 {
        cluster.one(&format!("SADD set:{number}:x {}", members.join(" ")));
    }
    let mut lines = Vec::new();
    for _ in 0..20 {
        lines.extend((0..40).map(|number| format!("SRANDMEMBER set:{number}:x 1")));
        lines.push("DBSIZE".to_owned());
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let replies = cluster.run(&lines);
    let refused = |reply: &&Reply| is_error(reply, "ERR a request looks at");
    assert!(replies.iter().filter(refused).count() > 100);
    assert!(matches!(replies[0], Reply::Array(_)));
    let alone = cluster.one("SRANDMEMBER set:39:x 1");
    assert!(
        matches!(alone, Reply::Array(_)),
        "the next request has its own"
    );
}

#[test]
fn a_dynamic_limit_that_is_long_is_refused_to_its_scripts_alone() {
    let mut cluster = Cluster::default();
    cluster.one(&format!("SET p:dynamic:global {}", "9".repeat(100_000)));
    let check = |prefix: &str| {
        format!("EVALSHA {FIXED} 2 {prefix}:user:7 {prefix}:dynamic:global 10 60000 1")
    };
    let replies = cluster.run(&[&check("p"), &check("q"), "GET a"]);
    assert!(is_error(
        &replies[0],
        "ERR a dynamic limit has at most 64 bytes"
    ));
    assert!(matches!(replies[1], Reply::Array(_)));
    assert_eq!(replies[2], Reply::Nil);
    assert_eq!(cluster.one("EXISTS p:user:7"), Reply::Integer(0));
    cluster.one("SET p:dynamic:global 3");
    assert!(matches!(cluster.one(&check("p")), Reply::Array(_)));
}

#[test]
fn commands_about_every_key_ask_so_many_objects_and_flushdb_goes_on_the_next_time() {
    let mut cluster = Cluster::default();
    for chunk in 0..5 {
        let lines: Vec<String> = (0..900).map(|n| format!("SET k{chunk}-{n} 1")).collect();
        cluster.run(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let refused = "ERR a request asks at most 2000 objects";
    assert!(is_error(&cluster.one("KEYS *"), refused));
    let lines = vec!["SCAN 0 COUNT 200"; 20];
    let replies = cluster.run(&lines);
    assert!(matches!(replies[9], Reply::Array(_)));
    assert!(is_error(&replies[10], refused));
    // Here the directory forgets no names, so it never ends; what was asked is empty all the same.
    assert!(is_error(&cluster.one("FLUSHDB"), refused));
    cluster
        .objects
        .retain(|_, object| object.is_empty() == Some(false));
    assert_eq!(cluster.objects.len(), 2_500);
    assert!(is_error(&cluster.one("FLUSHDB"), refused));
    cluster
        .objects
        .retain(|_, object| object.is_empty() == Some(false));
    assert_eq!(cluster.one("FLUSHDB"), Reply::ok());
    assert_eq!(cluster.one("DBSIZE"), Reply::Integer(0));
}

#[test]
fn where_no_object_can_be_reached_the_others_are_not_waited_for() {
    let mut cluster = Cluster::default();
    let keys: Vec<String> = (0..300).map(|number| format!("big:{number}:x")).collect();
    cluster.down = keys
        .iter()
        .map(|key| format!("keyspace:{}", key.replace(':', "%3A")))
        .collect();
    let reply = cluster.one(&format!("MGET {}", keys.join(" ")));
    assert!(is_error(&reply, "ERR the keys could not be reached"));
    assert_eq!(cluster.waves.len(), 1);
}
