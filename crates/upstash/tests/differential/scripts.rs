//! Every published script, each with a thousand random sequences of keys, arguments and times, and
//! of commands between.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use tollgate_upstash::reply::Reply;
use tollgate_upstash::script::by_text;
use tollgate_upstash::script::Script::{self, *};
use tollgate_upstash::sha1::{hex, sha1};

use crate::compare::Shape;
use crate::random::Random;
use crate::redis::Redis;
use crate::{compare_sequence, seed, skipped, Step};

const SEQUENCES: u64 = 1_000;
const PUBLISHED: usize = 76;

/// Scripts of which a release forgot the expiry; ours sets it. See `docs/upstash.md`.
const FORGETFUL: [&str; 6] = [
    "375e8c55641c07e85ce7154463000f11d3abe109",
    "c26b12703dd137939b9a69a3a9b18e906a2d940f",
    "1861a700bafe96c833a483af6b1c28a8897cfdb0",
    "ae4802a9916a31174ad87bee0251593305dfc24b",
    "8f7788c4a9c1632338c19094c0af5847bbd5a011",
    "67aa8759e1342d100d551f5f71496a68de9ffa41",
];

/// The texts, taken out of the packages where that has not been done yet; by SHA1.
fn texts() -> Result<BTreeMap<String, String>, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("upstash-lua");
    if read(&folder).len() < PUBLISHED {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let output = Command::new("node")
            .args(["tests/upstash/scripts.mjs", "--extract"])
            .arg(&folder)
            .current_dir(root)
            .output()
            .map_err(|error| format!("node does not run: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    Ok(read(&folder))
}

fn read(folder: &Path) -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let text = |path: PathBuf| {
        Some((
            path.file_stem()?.to_str()?.to_owned(),
            std::fs::read_to_string(&path).ok()?,
        ))
    };
    files.filter_map(|file| text(file.path())).collect()
}

/// Open-source Redis refuses the `#!lua flags=allow-key-locking` line; what is below it is the same
/// Lua.
fn without_shebang(text: &str) -> &str {
    match text.strip_prefix("#!") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, rest)| rest),
        None => text,
    }
}

/// What a script is called with, and what happens to its keys in between.
struct Plan {
    /// `KEYS`, each a choice.
    keys: Vec<&'static [&'static str]>,
    /// How many of the keys may be left out at the end.
    optional_keys: u64,
    /// `ARGV`, by the letters of `argument`.
    arguments: &'static str,
    /// Whether any number of arguments like the last may follow.
    more: bool,
    shape: Shape,
    /// Every key that may come to hold something.
    all_keys: &'static [&'static str],
    /// Commands between, with the letters of `argument` in braces.
    between: &'static [&'static str],
}

const WINDOWS: &[&str] = &["p:u:7", "p:u:8"];
const BUCKETS: &[&str] = &["p:u", "p:12"];
const DYNAMIC: &[&str] = &["p:dynamic:global", "p:dynamic:global", ""];
const COUNTER_COMMANDS: &[&str] = &[
    "SET p:u:7 {count}",
    "SET p:u:8 {count}",
    "SET p:u:7 {count} PX 90000",
    "DEL p:u:7",
    "HSET p:u:8 f v",
    "PERSIST p:u:7",
    "SET p:dynamic:global {count}",
    "SET p:dynamic:global {count}",
    "DEL p:dynamic:global",
    "SADD p:dynamic:global x",
];
const BUCKET_COMMANDS: &[&str] = &[
    "HSET p:u {field} {count}",
    "HSET p:12 {field} {count} {field} {count}",
    "DEL p:u",
    "HDEL p:u {field}",
    "SET p:12 1",
    "PERSIST p:u",
    "SET p:dynamic:global {count}",
    "SET p:dynamic:global {count}",
    "DEL p:dynamic:global",
    "SADD p:dynamic:global x",
    "HSET p:u {field} 0",
    "HSET p:12 {field} 1",
];
const REGION_COMMANDS: &[&str] = &[
    "DEL p:u:7",
    "DEL p:u:8",
    "SET p:u:8 1",
    "PEXPIRE p:u:7 90000",
];
const REGION_HASHES: &[&str] = &[
    "HSET p:u:7 {id} {count}",
    "HSET p:u:8 {id} {count}",
    "HSET p:u:8 {id} 1 {id} 2",
    "DEL p:u:7",
    "DEL p:u:8",
    "SET p:u:8 1",
];
const REGION_SETS: &[&str] = &[
    "SADD p:u:7 {id}",
    "SADD p:u:8 {id} {id}",
    "DEL p:u:7",
    "DEL p:u:8",
    "SET p:u:8 1",
];
const HITS: &[&str] = &["rl:u", "rl:12"];
const HITS_COMMANDS: &[&str] = &[
    "SET rl:u {count}",
    "SET rl:12 {count}",
    "SET rl:u {count} PX 90000",
    "SET rl:12 {count} PX 90000",
    "DEL rl:u",
    "DECR rl:u",
    "HSET rl:12 f v",
    "PERSIST rl:u",
    "PEXPIRE rl:12 90000",
];
const EVENTS: &[&str] = &[
    "p:events:1795222800000",
    "p:events:1795219200000",
    "p:events:1795215600000",
];

fn windows(keys: usize, dynamic: bool, arguments: &'static str) -> Plan {
    let mut plan = Plan {
        keys: vec![WINDOWS; keys],
        optional_keys: 0,
        arguments,
        more: false,
        shape: Shape::Exact,
        all_keys: &["p:u:7", "p:u:8", "p:dynamic:global"],
        between: COUNTER_COMMANDS,
    };
    if dynamic {
        plan.keys.push(DYNAMIC);
    }
    plan
}

fn buckets(dynamic: bool, arguments: &'static str) -> Plan {
    let keys = if dynamic {
        vec![BUCKETS, DYNAMIC]
    } else {
        vec![BUCKETS]
    };
    Plan {
        keys,
        all_keys: &["p:u", "p:12", "p:dynamic:global"],
        between: BUCKET_COMMANDS,
        ..windows(1, false, arguments)
    }
}

fn regions(
    keys: usize,
    arguments: &'static str,
    shape: Shape,
    between: &'static [&'static str],
) -> Plan {
    Plan {
        shape,
        all_keys: WINDOWS,
        between,
        ..windows(keys, false, arguments)
    }
}

fn events(key: &'static [&'static str], arguments: &'static str, shape: Shape) -> Plan {
    let between = &[
        "ZINCRBY p:events:1795222800000 {score} {event}",
        "ZINCRBY p:events:1795219200000 {score} {event}",
        "ZINCRBY p:events:1795215600000 {score} {event}",
        "ZINCRBY p:events:1795222800000 1 {event}",
        "SADD p:events:1795215600000 {event}",
        "SET p:events:1795219200000 1",
    ];
    Plan {
        keys: vec![key],
        shape,
        all_keys: EVENTS,
        between,
        ..windows(1, false, arguments)
    }
}

fn hits(arguments: &'static str, shape: Shape) -> Plan {
    Plan {
        keys: vec![HITS],
        shape,
        all_keys: HITS,
        between: HITS_COMMANDS,
        ..windows(1, false, arguments)
    }
}

fn plan(script: Script) -> Plan {
    const REGION: Shape = Shape::Nested(&Shape::Pairs);
    const REGION_SET: Shape = Shape::Nested(&Shape::Unordered);
    match script {
        F1 => windows(1, false, "W"),
        F2 => windows(1, false, "WR"),
        F3 => windows(1, true, "LWR"),
        FR1 => windows(1, false, ""),
        FR2 => windows(1, true, "L"),
        S0 | S0b | S1 => windows(2, false, "LNW"),
        S2 | S3 => windows(2, false, "LNWR"),
        S4 => windows(2, true, "LNWR"),
        SR1 => windows(2, false, "NW"),
        SR2 => windows(2, true, "LNW"),
        T0 | T0b | T0p | T1 | T1p => buckets(false, "LWFN"),
        T2 | T2p | T3 | T5p => buckets(false, "LWFNR"),
        T4 | T5 => buckets(true, "LWFNR"),
        TR0 | TR1 => buckets(false, "L"),
        TR2 => buckets(true, "L"),
        MF0 => regions(1, "IW", Shape::Unordered, REGION_COMMANDS),
        MF1 => regions(1, "IWR", Shape::Pairs, REGION_COMMANDS),
        MFR => regions(1, "n", Shape::Pairs, REGION_HASHES),
        MS0 | MS0b => regions(2, "LNWI", REGION_SET, REGION_SETS),
        MS1 | MS2 => regions(2, "LNWIR", REGION, REGION_HASHES),
        MSR => regions(2, "NW", Shape::Exact, REGION_HASHES),
        R => Plan {
            keys: vec![&["p:u", "p:u:*", "p:12:*", "p:12", "p:none", "p:none:*"]],
            all_keys: &[
                "p:u", "p:u:7", "p:u:8", "p:uv:7", "p:12", "p:12:7", "p:12:8", "p:v",
            ],
            between: &[
                "SET p:u:7 1",
                "HSET p:u tokens 1",
                "SET p:uv:7 1",
                "SADD p:12:7 a",
                "HSET p:12 a b",
                "SET p:12:8 2",
                "SET p:v 1",
            ],
            ..windows(1, false, "n")
        },
        D => Plan {
            keys: vec![&["p:denyList:all"], &["p:ipDenyListStatus"]],
            more: true,
            all_keys: &["p:denyList:all", "p:ipDenyListStatus"],
            between: &[
                "SADD p:denyList:all {id}",
                "SADD p:denyList:all {id} {id}",
                "SREM p:denyList:all {id}",
                "DEL p:ipDenyListStatus",
                "SET p:ipDenyListStatus disabled",
                "SET p:ipDenyListStatus valid PX 86400000",
                "SET p:denyList:all 1",
            ],
            ..windows(1, false, "I")
        },
        A1 => events(EVENTS, "f", Shape::Unordered),
        A2 => events(&["p:events"], "tsc", Shape::Exact),
        A3a | A3b => events(&["p:events"], "tscc", Shape::Exact),
        A3c => events(&["p:events"], "tscca", Shape::Exact),
        H1 | H2 => hits("1W", Shape::Left),
        H3 => hits("W", Shape::Left),
        HR | BR => hits("", Shape::Left),
        HD => hits("", Shape::Exact),
        B1 => hits("WLbb", Shape::Left),
    }
}

/// The numbers of one sequence: a limiter is called with the same ones again and again.
struct Numbers {
    limit: &'static str,
    window: &'static str,
    refill: &'static str,
    now: u64,
}

const LIMITS: [&str; 12] = [
    "1", "2", "3", "5", "10", "10", "20", "1000000", "0", "-2", "2.5", "abc",
];
const SPANS: [&str; 10] = [
    "60000", "60000", "61000", "100000", "3600000", "86400000", "60000.5", "0", "-60000", "abc",
];
const REFILLS: [&str; 10] = ["1", "1", "2", "3", "5", "10", "0.5", "0", "-1", "abc"];

impl Numbers {
    fn new(random: &mut Random, absurd: bool) -> Numbers {
        let among = |sane: usize, all: &[&'static str], random: &mut Random| {
            let count = if absurd { all.len() } else { sane };
            random.pick(&all[..count])
        };
        Numbers {
            limit: among(8, &LIMITS, random),
            window: among(6, &SPANS, random),
            refill: among(6, &REFILLS, random),
            now: 1_700_000_000_000 + random.below(1_000_000_000),
        }
    }

    fn argument(&mut self, random: &mut Random, letter: char) -> String {
        let chosen = match letter {
            'L' => self.limit,
            'W' => self.window,
            'F' => self.refill,
            'N' => {
                self.now += [0, 1, 500, 20_000, 61_000, 400_000][random.below(6) as usize];
                if random.once_in(20) {
                    self.now -= 30_000;
                }
                return self.now.to_string();
            }
            'R' => random.pick(&["1", "1", "1", "2", "3", "7", "0", "-1", "-2", "-20"]),
            'I' => random.pick(&["id-1", "id-2", "id-3", "id-4", "id-5", "id-6"]),
            'n' => "null",
            '1' => random.pick(&["0", "0", "1", "true", ""]),
            'b' => random.pick(&["true", "false", "false", "1"]),
            'f' => random.pick(&[
                "identifier",
                "identifier",
                "success",
                "country",
                "n",
                "none",
            ]),
            't' => "1795222800000",
            's' => "3600000",
            'c' => random.pick(&["1", "2", "3", "4"]),
            'a' => random.pick(&["0", "1", "2", "3", "10"]),
            _ => unreachable!("{letter}"),
        };
        chosen.to_owned()
    }
}

/// Arguments that no client sends but a script may be called with.
const ABSURD: [&str; 13] = [
    "abc",
    "",
    "1.5",
    "null",
    "-0",
    "1e5",
    " 50000",
    "9007199254740993",
    "9223372036854775807",
    "1e300",
    "-7",
    "0",
    "0x10",
];

fn script_step(
    random: &mut Random,
    numbers: &mut Numbers,
    plan: &Plan,
    texts: (&str, &str),
    absurd: bool,
) -> Step {
    let mut keys: Vec<&str> = plan
        .keys
        .iter()
        .map(|choices| random.pick(choices))
        .collect();
    if plan.keys.len() > 1 && plan.keys[1] == WINDOWS {
        // The current window and the one before, as a client names them.
        (keys[0], keys[1]) = ("p:u:8", "p:u:7");
    }
    keys.truncate(keys.len() - random.below(plan.optional_keys + 1) as usize);
    let mut arguments: Vec<String> = plan
        .arguments
        .chars()
        .map(|letter| numbers.argument(random, letter))
        .collect();
    while plan.more && random.once_in(2) {
        arguments.push(numbers.argument(random, 'I'));
    }
    if absurd && random.once_in(3) && !arguments.is_empty() {
        let at = random.below(arguments.len() as u64) as usize;
        arguments[at] = random.pick(&ABSURD).to_owned();
    }
    if absurd && random.once_in(12) {
        arguments.pop();
    }
    let call = |text: &str, by_hash: bool| {
        let mut command = match by_hash {
            true => vec![
                b"EVALSHA".to_vec(),
                hex(&sha1(text.as_bytes())).into_bytes(),
            ],
            false => vec![b"EVAL".to_vec(), text.as_bytes().to_vec()],
        };
        command.push(keys.len().to_string().into_bytes());
        command.extend(keys.iter().map(|key| key.as_bytes().to_vec()));
        command.extend(
            arguments
                .iter()
                .map(|argument| argument.clone().into_bytes()),
        );
        command
    };
    let by_hash = random.once_in(2);
    Step {
        ours: call(texts.0, by_hash),
        theirs: call(texts.1, true),
        shape: plan.shape,
        script: true,
    }
}

fn between(random: &mut Random, commands: &[&str]) -> Step {
    let text = random.pick(commands);
    let word = |random: &mut Random, word: &str| match word {
        "{count}" => random
            .pick(&[
                "0",
                "1",
                "2",
                "3",
                "5",
                "10",
                "1.5",
                "-1",
                "abc",
                "9007199254740993",
            ])
            .to_owned(),
        "{field}" => random
            .pick(&[
                "refilledAt",
                "tokens",
                "refilled_at",
                "tokens",
                "updatedAt",
                "updated_at",
                "tokens",
            ])
            .to_owned(),
        "{id}" => random
            .pick(&["id-1", "id-2", "id-3", "id-4", "id-5", "id-6"])
            .to_owned(),
        "{score}" => random.pick(&["1", "2", "3", "0.5", "-1", "10"]).to_owned(),
        "{event}" => event(random),
        word => word.to_owned(),
    };
    let command: Vec<Vec<u8>> = text
        .split(' ')
        .map(|part| word(random, part).into_bytes())
        .collect();
    Step::command(command, Shape::Exact)
}

fn event(random: &mut Random) -> String {
    let success = random.pick(&["true", "false", "\"denied\"", "true", "false"]);
    let identifier = random.pick(&["alice", "bob", "Zoë", "a\\\"b"]);
    let rest = random.pick(&[
        "",
        "",
        ",\"country\":\"DE\"",
        ",\"country\":null",
        ",\"n\":5",
        ",\"n\":5.0",
    ]);
    match random.below(30) {
        0 => "[1]".to_owned(),
        1 => "no-json".to_owned(),
        _ => format!("{{\"identifier\":\"{identifier}\",\"success\":{success}{rest}}}"),
    }
}

#[test]
fn every_published_script_decides_answers_and_stores_what_redis_does() {
    let Some(mut redis) = Redis::start("scripts") else {
        return skipped("comparing the scripts with Redis: there is no redis-server");
    };
    let texts = match texts() {
        Ok(texts) => texts,
        Err(why) => {
            return skipped(&format!(
                "comparing the scripts with Redis: no packages to take them from: {why}"
            ))
        }
    };
    assert_eq!(texts.len(), PUBLISHED);
    for (number, (name, text)) in texts.iter().enumerate() {
        assert_eq!(
            *name,
            hex(&sha1(text.as_bytes())),
            "the file is named for its content"
        );
        let script = by_text(text.as_bytes()).unwrap();
        let lua = without_shebang(text);
        let loaded = redis.run(&[vec![
            b"SCRIPT".to_vec(),
            b"LOAD".to_vec(),
            lua.as_bytes().to_vec(),
        ]]);
        assert_eq!(
            loaded,
            [Reply::bulk(hex(&sha1(lua.as_bytes())).into_bytes())]
        );
        let forgetful = FORGETFUL.contains(&&name[..]);
        // Windows that the copying between regions has made, and hours of analytics, never expire
        // there, and do here.
        let lasting = matches!(
            script,
            MF0 | MF1 | MS0 | MS0b | MS1 | MS2 | A1 | A2 | A3a | A3b | A3c
        );
        let plan = Plan {
            // Since 2.1.0 the key is left out where there is no dynamic limit.
            optional_keys: u64::from(script.dynamic_key().is_some() && text.starts_with("#!")),
            ..plan(script)
        };
        // These would only show the expiry that ours sets and the other does not.
        let allowed = plan.between.iter().filter(|text| {
            !(forgetful
                && ["PERSIST", "PX", "PEXPIRE"]
                    .iter()
                    .any(|word| text.contains(word)))
        });
        let commands: Vec<&str> = allowed.copied().collect();
        let mut decided = 0;
        for sequence in 0..SEQUENCES {
            let mut random = Random::new(seed() + number as u64 * SEQUENCES + sequence);
            // Expiries that a release forgot cannot go wrong there, so absurd ones would only show
            // that. An absurd number of hours would keep the other busy for ever.
            let counts_hours = matches!(script, A2 | A3a | A3b | A3c);
            let absurd = sequence % 3 == 0 && !forgetful && !counts_hours;
            let mut numbers = Numbers::new(&mut random, absurd);
            let steps: Vec<Step> = (0..10)
                .map(|_| match random.once_in(3) {
                    true => between(&mut random, &commands),
                    false => script_step(&mut random, &mut numbers, &plan, (text, lua), absurd),
                })
                .collect();
            let outcome = compare_sequence(&mut redis, &steps, plan.all_keys, forgetful || lasting);
            decided += outcome.unwrap_or_else(|difference| {
                panic!("{script:?} {name}, sequence {sequence}\n{difference}\n{text}")
            });
        }
        assert!(
            decided > 3 * SEQUENCES,
            "{script:?} {name} hardly ran: {decided}"
        );
    }
}

#[test]
fn texts_are_recognised_through_comments_and_white_space_and_only_through_them() {
    let Ok(texts) = texts() else {
        return skipped("recognising the scripts: no packages to take them from");
    };
    for text in texts.values() {
        let script = by_text(text.as_bytes()).unwrap();
        let reworded = format!(
            "#!lua flags=no-writes\n-- another comment\n{}",
            without_shebang(text).replace('\n', " \n\t")
        );
        assert_eq!(by_text(reworded.as_bytes()), Ok(script));
        assert!(by_text(text.replace("KEYS[1]", "KEYS[2]").as_bytes()).is_err());
    }
}
