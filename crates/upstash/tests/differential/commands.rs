//! Every command, with right, wrong and absurd arguments.

use crate::compare::Shape;
use crate::random::Random;
use crate::redis::Redis;
use crate::{compare_sequence, skipped, words, Step};

const KEYS: [&str; 4] = ["a", "b", "c", "p:events:1"];

/// Which of them commands name, some more often than others.
const NAMED: [&str; 7] = ["a", "a", "a", "b", "b", "c", "p:events:1"];
const SEQUENCES: u64 = 4_000;
const STEPS: u64 = 25;

/// Commands with their arguments: `k` a key, `m` a member or field, `v` a value, `i` an integer,
/// `d` a double, `b` a bound of scores, `f` a float of `INCRBYFLOAT`, `n` a count, `r` a rank, `t`
/// a positive time, `T` a future instant in ms, `S` one in s, `*` repeats what is before up to
/// twice; other words are themselves, `|` separates what may stand there, and `?` before makes it a
/// matter of chance.
const PATTERNS: [&str; 80] = [
    "GET k",
    "SET k v",
    "SET k v ?NX|XX ?GET ?EX t",
    "SET k v ?KEEPTTL|GET ?PX t",
    "SET k v PXAT T",
    "SET k v EXAT S ?NX",
    "SETEX k t v",
    "PSETEX k t v",
    "SETNX k v",
    "GETSET k v",
    "GETDEL k",
    "GETEX k ?PERSIST",
    "GETEX k EX|PX t",
    "GETEX k PXAT T",
    "MGET k k k",
    "MSET k v k v",
    "STRLEN k",
    "APPEND k v",
    "INCRBYFLOAT k f",
    "INCRBYFLOAT k f",
    "INCRBYFLOAT k f",
    "SET k f",
    "HINCRBYFLOAT k m f",
    "HSET k m f",
    "INCR k",
    "DECR k",
    "INCRBY k i",
    "DECRBY k i",
    "DEL k ?k",
    "UNLINK k k",
    "EXISTS k k k",
    "TYPE k",
    "TTL k",
    "PTTL k",
    "EXPIRE k t ?NX|XX|GT|LT",
    "PEXPIRE k t ?XX ?GT|LT",
    "EXPIREAT k S",
    "PEXPIREAT k T ?NX ?GT",
    "PERSIST k",
    "HSET k m v ?m ?v",
    "HSET k m i",
    "HMSET k m v",
    "HSETNX k m v",
    "HGET k m",
    "HMGET k m m",
    "HGETALL k",
    "HKEYS k",
    "HVALS k",
    "HLEN k",
    "HEXISTS k m",
    "HDEL k m ?m",
    "HINCRBY k m i",
    "SADD k m ?m ?m",
    "SREM k m ?m",
    "SCARD k",
    "SMEMBERS k",
    "SISMEMBER k m",
    "SMISMEMBER k m m",
    "SDIFFSTORE k k ?k ?k",
    "SUNIONSTORE k k ?k",
    "ZADD k ?NX|XX ?GT|LT ?CH d m ?d ?m",
    "ZADD k ?NX|XX ?INCR d m",
    "ZINCRBY k d m",
    "ZREM k m ?m",
    "ZCARD k",
    "ZSCORE k m",
    "ZMSCORE k m ?m ?m",
    "ZRANK k m",
    "ZRANK k m ?WITHSCORE",
    "ZREVRANK k m ?WITHSCORE",
    "ZPOPMIN k",
    "ZPOPMIN k n",
    "ZPOPMAX k n",
    "ZCOUNT k b b",
    "ZRANGE k r r ?REV ?WITHSCORES",
    "ZRANGE k b b BYSCORE ?REV ?LIMIT ?r ?r ?WITHSCORES",
    "ZREVRANGE k r r ?WITHSCORES",
    "ZRANGEBYSCORE k b b ?WITHSCORES",
    "ZREMRANGEBYSCORE k b b",
    "ZREMRANGEBYRANK k r r",
];

fn argument(random: &mut Random, word: &str, now: i64) -> String {
    match word {
        "k" => random.pick(&NAMED).to_owned(),
        "m" => random.pick(&["x", "y", "z", "x", "y", "10", ""]).to_owned(),
        "v" => random
            .pick(&[
                "1",
                "12",
                "-3",
                "abc",
                "1.5",
                "",
                "9223372036854775807",
                " 4",
            ])
            .to_owned(),
        "i" => random
            .pick(&[
                "1",
                "2",
                "-5",
                "0",
                "9223372036854775807",
                "-9223372036854775808",
                "1.5",
                "x",
                "",
                "+1",
                "01",
            ])
            .to_owned(),
        "d" => random
            .pick(&[
                "1", "2.5", "-0.1", "0", "1e3", "inf", "-inf", "+inf", "0.1", "3.0e-5", "1e22",
                "nan", "x", "", "1e400", "0x10", "0x.8p-1", "0x",
            ])
            .to_owned(),
        "f" => float(random),
        "n" => random
            .pick(&["0", "1", "2", "3", "100", "-1", "x", "", "1.5"])
            .to_owned(),
        "b" => random
            .pick(&[
                "-inf", "+inf", "(1", "0", "2.5", "(2.5", "1000", "(x", "", "nan", "inf",
            ])
            .to_owned(),
        "r" => random
            .pick(&["0", "-1", "1", "-2", "2", "100", "-100", "x"])
            .to_owned(),
        "t" if random.once_in(2) => random
            .pick(&["0", "-1", "9223372036854775807", "x", "1.5"])
            .to_owned(),
        // Seldom the same twice: which of two equal expiries is later, the milliseconds between the
        // commands would decide.
        "t" => (100_000 + random.below(10_000_000) * 1_000).to_string(),
        "T" | "S" if random.once_in(4) => "5".to_owned(),
        "T" => (now + 100_500 + random.below(10_000_000) as i64 * 1_000).to_string(),
        "S" => (now / 1000 + 1_000 + random.below(10_000_000) as i64).to_string(),
        choice => random
            .pick(&choice.split('|').collect::<Vec<_>>())
            .to_owned(),
    }
}

/// A float. Where `long double` is not that of x86, only such as every binary float has exactly.
fn float(random: &mut Random) -> String {
    let exact = [
        "1", "-1", "0", "0.5", "-2.25", "1e3", "inf", "nan", "x", "", " 1", "+4",
    ];
    let others = [
        "0.1",
        "-0.1",
        "3.0e3",
        "1e20",
        "-inf",
        "1e-18",
        "-1e-20",
        "0x1f",
        "-0x.8p4",
        "0x",
        "1e",
        "9223372036854775807",
        "18446744073709551615",
        "36893488147419103233",
        "1e4931",
        "-9e4931",
        "1e4933",
        "1e-4950",
        "1e-5000",
        "0e-99999",
        "0.00000000000000000499999999999999999999999",
    ];
    if cfg!(not(target_arch = "x86_64")) || random.once_in(4) {
        return random.pick(&exact).to_owned();
    }
    if random.once_in(3) {
        return random.pick(&others).to_owned();
    }
    let mut text = random.pick(&["", "", "-", "+"]).to_owned();
    let digits = 1 + random.below(40);
    let point = random.below(2 * digits);
    for at in 0..digits {
        if at == point {
            text.push('.');
        }
        text.push_str(random.pick(&["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "9", "0"]));
    }
    if random.once_in(3) {
        text += &format!("e{}", random.below(80) as i64 - 40);
    }
    text
}

/// What most commands of a sequence begin with, so that they meet collections with more than a
/// member or two.
const THEMES: [&str; 6] = ["", "H", "S", "Z", "Z", "INCRBYFLOAT"];

fn step(random: &mut Random, theme: &str, now: i64, ranks_with_score: bool) -> Step {
    let theme = if random.once_in(4) { "" } else { theme };
    let patterns: Vec<&str> = PATTERNS
        .into_iter()
        .filter(|pattern| pattern.starts_with(theme))
        .collect();
    let pattern = random.pick(&patterns);
    let mut command = Vec::new();
    for word in pattern.split(' ') {
        match word.strip_prefix('?') {
            Some(word) if random.once_in(2) => command.push(argument(random, word, now)),
            Some(_) => {}
            None => command.push(argument(random, word, now)),
        }
    }
    if random.once_in(40) {
        command.pop();
    }
    if random.once_in(40) {
        command.push("extra".to_owned());
    }
    if command[0].ends_with("RANK") && !ranks_with_score {
        command.truncate(3);
    }
    if random.once_in(2) {
        command[0] = command[0].to_lowercase();
    }
    let shape = match command[0].to_uppercase().as_str() {
        "HGETALL" => Shape::Pairs,
        "HKEYS" | "HVALS" | "SMEMBERS" => Shape::Unordered,
        "TTL" => Shape::Seconds,
        "PTTL" => Shape::Milliseconds,
        _ => Shape::Exact,
    };
    Step::command(command.into_iter().map(String::into_bytes).collect(), shape)
}

#[test]
fn every_command_answers_and_stores_what_redis_does() {
    let Some(mut redis) = Redis::start("commands") else {
        return skipped("comparing commands with Redis: there is no redis-server");
    };
    let ranks_with_score = redis.version() >= (7, 2);
    for seed in 0..SEQUENCES {
        let mut random = Random::new(crate::seed() + seed);
        let now = redis.now();
        let theme = random.pick(&THEMES);
        let steps: Vec<Step> = (0..STEPS)
            .map(|_| step(&mut random, theme, now, ranks_with_score))
            .collect();
        let outcome = compare_sequence(&mut redis, &steps, &KEYS, false);
        if let Err(difference) = outcome {
            panic!("sequence {seed}\n{difference}");
        }
    }
}

#[test]
fn large_collections_survive_their_pages() {
    let Some(mut redis) = Redis::start("pages") else {
        return skipped("comparing large collections with Redis: there is no redis-server");
    };
    for (seed, add, take) in [
        (1, "SADD a", "SREM a"),
        (2, "HINCRBY a", "HDEL a"),
        (3, "ZINCRBY a", "ZREM a"),
    ] {
        let mut random = Random::new(seed);
        let steps: Vec<Step> = (0..3_000)
            .map(|number: u64| {
                let member = format!("member-{}", random.below(1_500));
                let text = match (random.once_in(3), seed) {
                    (true, _) => format!("{take} {member}"),
                    (_, 1) => format!("{add} {member} other-{number}"),
                    (_, 2) => format!("{add} {member} {number}"),
                    _ => format!("{add} 0.{number} {member}"),
                };
                Step::command(words(&text), Shape::Exact)
            })
            .collect();
        compare_sequence(&mut redis, &steps, &["a"], false).unwrap();
    }
}
