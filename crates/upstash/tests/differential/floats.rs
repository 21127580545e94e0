//! `INCRBYFLOAT` to the last digit: sums of random numbers of every size, many of them made to lie
//! between two floats.
#![cfg(target_arch = "x86_64")] // elsewhere Redis calculates with another `long double`

use crate::compare::Shape;
use crate::random::Random;
use crate::redis::Redis;
use crate::{compare_sequence, seed, skipped, Step};

const SUMS: usize = 30_000;

/// Sums that are compared in one go.
const PART: usize = 1_000;

/// At least so many digits and fewer than `extra` more.
fn digits(random: &mut Random, min: u64, extra: u64) -> String {
    let count = min + random.below(extra);
    (0..count)
        .map(|_| char::from(b'0' + random.below(10) as u8))
        .collect()
}

/// Twice a decimal number.
fn double(digits: &str) -> String {
    let mut carry = 0;
    let mut doubled: Vec<u8> = Vec::with_capacity(digits.len() + 1);
    for digit in digits.bytes().rev() {
        let sum = (digit - b'0') * 2 + carry;
        doubled.push(b'0' + sum % 10);
        carry = sum / 10;
    }
    doubled.extend((carry > 0).then_some(b'1'));
    doubled.reverse();
    String::from_utf8(doubled).unwrap()
}

/// A number of 64 bits and half of the last one more, and now and then a little more or less than
/// that.
fn between(random: &mut Random) -> String {
    let whole = (1u128 << 64) + u128::from(random.next() << 8 | random.below(256)) * 2 + 1;
    let scale = random.below(60) as i64 - 50;
    match random.below(4) {
        0 => {
            let rest = random.pick(&["5", "4999999999999999999", "50000000000000000001"]);
            format!("{}.{rest}", whole >> 1)
        }
        1 => {
            let zeros = "0".repeat(random.below(60) as usize);
            format!("0x{whole:x}{zeros}{}p{scale}", random.below(2))
        }
        2 => {
            let zeros = "0".repeat(random.below(40) as usize);
            format!("0x{:x}.8{zeros}{}p{scale}", whole >> 1, random.below(2))
        }
        _ => {
            let twice = match random.below(100) {
                0 => 2_000 + random.below(4_000),
                _ => random.below(40),
            };
            let mut text = (0..twice).fold(whole.to_string(), |text, _| double(&text));
            let last = text.pop().unwrap() as u8 - 1 + random.below(3) as u8;
            text.push(char::from(last.clamp(b'0', b'9')));
            text
        }
    }
}

fn number(random: &mut Random) -> String {
    let count = [1, 5, 20, 22, 40, 300, 4_000][random.below(7) as usize];
    let text = match random.below(5) {
        0 => between(random),
        1 => digits(random, 1, count),
        2 => format!("{}.{}", digits(random, 1, 20), digits(random, 0, count + 1)),
        3 => {
            let range = [20, 60, 5_000][random.below(3) as usize];
            let exponent = random.below(2 * range) as i64 - range as i64;
            format!("{}.{}e{exponent}", random.below(10), digits(random, 1, 25))
        }
        _ => {
            let near_the_largest = random.below(120);
            format!("1.{near_the_largest:02}e4932")
        }
    };
    random.pick(&["", "-"]).to_owned() + &text
}

/// A number with all its 64 bits, and half of its last bit and so little more that only a sum with
/// more bits shows it.
fn hardly_more(random: &mut Random) -> (String, String) {
    let mantissa = 1u64 << 63 | random.next() << 7 | random.below(128);
    let scale = random.below(40) as i64 - 50;
    let sign = random.pick(&["", "-"]);
    (
        format!("0x{mantissa:x}p{scale}"),
        format!("{sign}0x800000000000000{}p{}", random.below(2), scale - 64),
    )
}

#[test]
fn sums_of_floats_are_those_of_redis_to_the_last_digit() {
    let Some(mut redis) = Redis::start("floats") else {
        return skipped("comparing sums of floats with Redis: there is no redis-server");
    };
    let mut random = Random::new(seed() + 5);
    for _ in 0..SUMS / PART {
        let mut steps = Vec::new();
        for _ in 0..PART {
            let (mut first, mut second) = (number(&mut random), number(&mut random));
            if random.once_in(8) {
                (first, second) = hardly_more(&mut random);
            } else if random.once_in(4) {
                // What is left when all but the last digits cancel each other out.
                let longer = first.clone() + &random.below(100).to_string();
                second = longer
                    .strip_prefix('-')
                    .map_or(format!("-{longer}"), str::to_owned);
            }
            for command in [["SET", "a", &first], ["INCRBYFLOAT", "a", &second]] {
                let command = command
                    .iter()
                    .map(|word| word.as_bytes().to_vec())
                    .collect();
                steps.push(Step::command(command, Shape::Exact));
            }
        }
        compare_sequence(&mut redis, &steps, &["a"], false).unwrap();
    }
}
