//! Bounds, whatever command and whatever it works on: no call takes more than it may, and what is
//! refused was not done.
#![allow(clippy::unwrap_used)] // the helpers of tests

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use tollgate_upstash::answer::{answer, Reaction};
use tollgate_upstash::bounds::{FREE_REPLY, MAX_HELD, MAX_LOOKS, MAX_REPLY};
use tollgate_upstash::command::{self, Place};
use tollgate_upstash::commands;
use tollgate_upstash::error::RedisError;
use tollgate_upstash::keyspace::{Keyspace, Listed, Row, RowChange, Rows};
use tollgate_upstash::message::{Allowance, Message};
use tollgate_upstash::protocol::resp::read_reply;
use tollgate_upstash::reply::Reply;
use tollgate_upstash::values::value::Kind;

type Stored = BTreeMap<(Vec<u8>, u32), (Option<i64>, Vec<u8>)>;
type Command = Vec<Vec<u8>>;

#[derive(Clone, Default)]
struct Disk(Rc<RefCell<Stored>>);

impl Rows for Disk {
    fn read(&mut self, key: &[u8], max: usize) -> Result<Vec<Row>, RedisError> {
        let rows = self.0.borrow();
        let of_key = rows.range((key.to_vec(), 0)..=(key.to_vec(), u32::MAX));
        let mut left = max;
        of_key
            .map(|((_, page), (_, data))| {
                left = left.checked_sub(data.len()).ok_or(RedisError::MuchHeld)?;
                Ok((*page, data.clone()))
            })
            .collect()
    }

    fn head(&mut self, key: &[u8]) -> Result<Option<Listed>, RedisError> {
        let listed = self.list(usize::MAX)?;
        Ok(listed.into_iter().find(|listed| *listed.key == *key))
    }

    fn list(&mut self, _: usize) -> Result<Vec<Listed>, RedisError> {
        let rows = self.0.borrow();
        let heads = rows.iter().filter(|((_, page), _)| *page == 0);
        let listed = heads.map(|((key, _), (expires, data))| Listed {
            key: key[..].into(),
            kind: Kind::of_row([data[0], data[1]]).unwrap(),
            expires: *expires,
        });
        Ok(listed.collect())
    }
}

/// An object: its storage, and its keys in memory.
struct Object {
    disk: Disk,
    keyspace: Keyspace,
}

impl Object {
    fn new() -> Object {
        let disk = Disk::default();
        let keyspace = Keyspace::new(Box::new(disk.clone()), true, 7);
        Object { disk, keyspace }
    }

    /// Answers commands as the object does; the replies, `None` when it needs more.
    fn call(&mut self, commands: &[Command], allowance: Option<Allowance>) -> Option<Vec<Reply>> {
        self.keyspace.begin(1_000);
        let text = Message::Run(commands.to_vec()).encode();
        let (version, message) = Message::decode(&text).unwrap();
        let Reaction { text, undo } = answer(&mut self.keyspace, (version, &message), allowance);
        if undo {
            self.keyspace = Keyspace::new(Box::new(self.disk.clone()), false, 7);
        } else {
            self.save();
        }
        assert!(self.keyspace.held() < 2 * MAX_HELD);
        let bytes: Vec<u8> = text.chars().map(|letter| letter as u32 as u8).collect();
        let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
        let (line, mut rest) = (text[..end].to_owned(), &bytes[end + 1..]);
        if let Some(looks) = line.split(' ').nth(2) {
            assert!(looks.parse::<usize>().unwrap() <= allowance.unwrap().looks);
        }
        if line.contains("more") {
            return None;
        }
        let replies = commands.iter().map(|_| read_reply(&mut rest).unwrap());
        let replies: Vec<Reply> = replies.collect();
        assert!(rest.is_empty());
        Some(replies)
    }

    fn save(&mut self) {
        let mut rows = self.disk.0.borrow_mut();
        for change in self.keyspace.take_changes() {
            match change {
                RowChange::Put {
                    key,
                    page,
                    expires,
                    data,
                } => drop(rows.insert((key.to_vec(), page), (expires, data))),
                RowChange::Trim { key, from } => {
                    rows.retain(|(stored, page), _| **stored != *key || *page < from)
                }
                RowChange::Wipe => rows.clear(),
                RowChange::Sweep { .. } => {}
            }
        }
    }

    /// What is stored, in words that do not depend on the order of members.
    fn dump(&mut self) -> BTreeMap<Vec<u8>, Vec<String>> {
        let keys = self.disk.list(usize::MAX).unwrap();
        let dump = keys.iter().map(|listed| {
            let ask = match listed.kind {
                Kind::String => "GET KEY",
                Kind::Hash => "HGETALL KEY",
                Kind::Set => "SMEMBERS KEY",
                Kind::SortedSet => "ZRANGE KEY 0 -1 WITHSCORES",
            };
            let mut command = words(ask);
            command[1] = listed.key.to_vec();
            let reply = self.call(&[command], None).unwrap().pop().unwrap();
            let mut lines = match reply {
                Reply::Array(items) => items.iter().map(|item| format!("{item:?}")).collect(),
                other => vec![format!("{other:?}")],
            };
            if listed.kind == Kind::Hash {
                lines = lines.chunks(2).map(|pair| pair.join(" ")).collect();
            }
            lines.sort();
            lines.push(format!("{:?}", listed.expires));
            (listed.key.to_vec(), lines)
        });
        dump.collect()
    }
}

fn words(text: &str) -> Command {
    text.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

/// A generator of numbers that need not be good.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound as u64) as usize
    }

    /// Any command of the table, with arguments that many commands make sense of.
    fn command(&mut self) -> Command {
        let with_keys =
            |command: &&command::Command| !matches!(command.place, Place::Here | Place::Everywhere);
        let all: Vec<_> = commands::all().iter().filter(with_keys).collect();
        let found = all[self.below(all.len())];
        let least = usize::from(found.arity.unsigned_abs());
        let more = if found.arity < 0 { self.below(7) } else { 0 };
        let mut command = vec![found.name.as_bytes().to_vec()];
        for at in 1..least + more {
            command.push(self.argument(at));
        }
        command
    }

    fn argument(&mut self, at: usize) -> Vec<u8> {
        const KEYS: [&str; 8] = ["t1", "t2", "h1", "s1", "s2", "z1", "z2", "new"];
        const SCRIPTS: [&str; 3] = [
            "a8c14f3835aa87bd70e5e2116081b81664abcf5c",
            "78ebfedf530490beacd0218f7f5186c887ee0060",
            "9489a4bb59e12600757093ecde9e46dcfe14f046",
        ];
        match (at, self.below(10)) {
            (1, 0) => SCRIPTS[self.below(SCRIPTS.len())].into(),
            (1, _) | (2..4, 0..4) => KEYS[self.below(KEYS.len())].into(),
            (_, 4 | 5) => format!("m{}", self.below(600)).into_bytes(),
            (_, 6) => vec![b'v'; self.below(3_000)],
            (_, 7) => {
                words("WITHSCORES GET REV EX -1 BYSCORE LIMIT XX INCR")[self.below(9)].clone()
            }
            (_, 8) => (self.below(400) as i64 - 200).to_string().into_bytes(),
            _ => self.below(700).to_string().into_bytes(),
        }
    }
}

/// An object with something of every kind.
fn filled() -> Object {
    let mut object = Object::new();
    let many = |command: &str, item: fn(usize) -> String| {
        let items: Vec<String> = (0..500).map(item).collect();
        words(&format!("{command} {}", items.join(" ")))
    };
    let mut text = words("SET t1 x");
    text[2] = vec![1; 2_000];
    let commands = [
        text,
        words("SET t2 7"),
        many("HSET h1", |i| format!("m{i} {i}")),
        many("SADD s1", |i| format!("m{i}")),
        many("SADD s2", |i| format!("m{}", i * 2)),
        many("ZADD z1", |i| format!("{}.5 m{i}", i % 50)),
        many("ZADD z2", |i| format!("1 {{\"i\":{i}}}")),
    ];
    let replies = object.call(&commands, None).unwrap();
    assert!(!replies.iter().any(is_error), "{replies:?}");
    object
}

fn is_error(reply: &Reply) -> bool {
    matches!(reply, Reply::Error(_))
}

#[test]
fn whatever_is_refused_was_not_done_and_whatever_is_answered_was() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut refused, mut undone, mut short) = (0, 0, 0);
    for _ in 0..100 {
        let mut bounded = filled();
        let mut free = filled();
        for _ in 0..10 {
            let commands: Vec<Command> = (0..=random.below(4)).map(|_| random.command()).collect();
            let allowance = Allowance {
                reply: [0, 200, 3_000, 100_000][random.below(4)],
                looks: [0, 30, 700, 5_000, 100_000][random.below(5)],
                last: random.below(3) > 0,
            };
            let before = bounded.dump();
            let Some(replies) = bounded.call(&commands, Some(allowance)) else {
                assert!(!allowance.last);
                assert_eq!(bounded.dump(), before, "{allowance:?}");
                short += 1;
                continue;
            };
            let cost: usize = replies
                .iter()
                .filter(|reply| !is_error(reply))
                .map(|reply| reply.cost(usize::MAX).saturating_sub(FREE_REPLY))
                .sum();
            assert!(cost <= allowance.reply);
            // What was not refused is done on the other side, where nothing is bounded, and comes
            // to the same.
            let done: Vec<usize> = (0..commands.len())
                .filter(|&at| !is_error(&replies[at]))
                .collect();
            refused += commands.len() - done.len();
            undone += usize::from(done.is_empty() && bounded.dump() == before);
            for at in done {
                let expected = free.call(&commands[at..=at], None).unwrap().pop().unwrap();
                // Which members are picked is left to chance.
                if !commands[at][0].starts_with(b"SRAND") {
                    assert_eq!(replies[at], expected, "{:?}", text(&commands[at]));
                }
            }
            assert_eq!(
                bounded.dump(),
                free.dump(),
                "{:?}",
                commands.iter().map(text).collect::<Vec<_>>()
            );
        }
    }
    assert!(
        refused > 100 && undone > 10 && short > 10,
        "{refused} {undone} {short}"
    );
}

fn text(command: &Command) -> Vec<String> {
    let word = |word: &Vec<u8>| String::from_utf8_lossy(word).chars().take(20).collect();
    command.iter().map(word).collect()
}

#[test]
fn every_command_of_the_table_is_bounded_where_it_would_multiply() {
    let mut object = filled();
    let mut huge = words("SET t1 x");
    huge[2] = vec![b'x'; 1_000_000];
    object.call(&[huge], None).unwrap();
    // Many times in one call what each would be allowed once.
    for ask in [
        "GET t1",
        "MGET t1",
        "GETEX t1",
        "HGETALL h1",
        "HKEYS h1",
        "HVALS h1",
        "SMEMBERS s1",
        "SRANDMEMBER s1 400",
        "SRANDMEMBER s1 -400",
        "ZRANGE z1 0 -1 WITHSCORES",
        "ZREVRANGE z1 0 -1",
        "ZRANGEBYSCORE z1 -inf inf",
        "SUNIONSTORE s1 s1 s2",
        "SDIFFSTORE s1 s1 new",
        "EVALSHA 9489a4bb59e12600757093ecde9e46dcfe14f046 1 z2 i",
        "EVALSHA a8c14f3835aa87bd70e5e2116081b81664abcf5c 1 h1 m1 1000 1",
    ] {
        let commands = vec![words(ask); 12_000];
        let replies = object.call(&commands, None).unwrap();
        let refused = replies.iter().filter(|reply| is_error(reply));
        assert!(refused.count() > 1_000, "{ask}");
        let cost = |reply: &Reply| reply.cost(usize::MAX).saturating_sub(FREE_REPLY);
        let answered = replies.iter().filter(|reply| !is_error(reply));
        assert!(answered.map(cost).sum::<usize>() <= MAX_REPLY, "{ask}");
    }
    let looks = Some(Allowance {
        looks: MAX_LOOKS,
        ..Allowance::default()
    });
    // And none of it is left behind.
    let counts = object.call(&[words("SCARD s1"), words("HLEN h1")], looks);
    assert_eq!(counts, Some(vec![Reply::Integer(750), Reply::Integer(500)]));
}
