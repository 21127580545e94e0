//! The table of commands: each with its name, who may call it, where its keys stand, and what runs
//! it.

use crate::command::arguments::is_word;
use crate::command::{hashes, keys, ranges, ranks, sets, sorted_sets, strings};
use crate::command::{Access, Command, Place, Run};
use crate::error::RedisError;
use crate::keyspace::Keyspace;
use crate::reply::Reply;
use crate::script;

/// Every command.
pub fn all() -> &'static [Command] {
    COMMANDS
}

/// The command of this name, in any case.
pub fn find(name: &[u8]) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| is_word(name, command.name))
}

/// Finds a command and checks its number of arguments.
pub fn resolve(arguments: &[Vec<u8>]) -> Result<&'static Command, RedisError> {
    let name = arguments.first().map_or(&[][..], |name| name);
    let command = find(name).ok_or(RedisError::Unknown)?;
    if !command.takes(arguments.len()) {
        return Err(RedisError::Arity);
    }
    Ok(command)
}

/// Runs one command on the keys it finds in this keyspace.
pub fn run(keyspace: &mut Keyspace, arguments: &[Vec<u8>]) -> Reply {
    let result = resolve(arguments).and_then(|command| {
        if command.grows && keyspace.is_full() {
            return Err(RedisError::OutOfMemory);
        }
        (command.run)(keyspace, arguments)
    });
    Reply::of(result, arguments)
}

/// For commands that an object is never asked to run.
fn elsewhere(_: &mut Keyspace, _: &[Vec<u8>]) -> Result<Reply, RedisError> {
    Err(RedisError::Unknown)
}

const fn command(
    name: &'static str,
    arity: i8,
    access: Access,
    place: Place,
    grows: bool,
    run: Run,
) -> Command {
    Command {
        name,
        access,
        place,
        arity,
        grows,
        run,
    }
}

const fn read(name: &'static str, arity: i8, place: Place, run: Run) -> Command {
    command(name, arity, Access::Read, place, false, run)
}

const fn write(name: &'static str, arity: i8, place: Place, run: Run) -> Command {
    command(name, arity, Access::Check, place, true, run)
}

const fn shrink(name: &'static str, arity: i8, place: Place, run: Run) -> Command {
    command(name, arity, Access::Check, place, false, run)
}

const fn admin(name: &'static str, arity: i8) -> Command {
    command(
        name,
        arity,
        Access::Admin,
        Place::Everywhere,
        false,
        elsewhere,
    )
}

static COMMANDS: &[Command] = &[
    // The hot ones first, as the table is searched in order.
    write("EVALSHA", -3, Place::Script, script::eval),
    write("EVAL", -3, Place::Script, script::eval),
    read("GET", 2, Place::Key, strings::get),
    write("SET", -3, Place::Key, strings::set),
    write("INCR", 2, Place::Key, strings::incr),
    read("MGET", -2, Place::Each, strings::mget),
    read("EVALSHA_RO", -3, Place::Script, script::eval),
    read("EVAL_RO", -3, Place::Script, script::eval),
    command("SCRIPT", -2, Access::Check, Place::Here, false, elsewhere),
    read("PING", -1, Place::Here, elsewhere),
    read("ECHO", 2, Place::Here, elsewhere),
    read("TIME", 1, Place::Here, elsewhere),
    read("INFO", -1, Place::Here, elsewhere),
    write("INCRBY", 3, Place::Key, strings::incrby),
    write("DECR", 2, Place::Key, strings::decr),
    write("DECRBY", 3, Place::Key, strings::decrby),
    write("INCRBYFLOAT", 3, Place::Key, strings::incrbyfloat),
    write("APPEND", 3, Place::Key, strings::append),
    write("SETEX", 4, Place::Key, strings::setex),
    write("PSETEX", 4, Place::Key, strings::psetex),
    write("SETNX", 3, Place::Key, strings::setnx),
    write("GETSET", 3, Place::Key, strings::getset),
    shrink("GETDEL", 2, Place::Key, strings::getdel),
    shrink("GETEX", -2, Place::Key, strings::getex),
    write("MSET", -3, Place::Pairs, strings::mset),
    read("STRLEN", 2, Place::Key, strings::strlen),
    shrink("DEL", -2, Place::Sum, keys::del),
    shrink("UNLINK", -2, Place::Sum, keys::del),
    read("EXISTS", -2, Place::Sum, keys::exists),
    read("TYPE", 2, Place::AnyType, keys::type_name),
    read("TTL", 2, Place::AnyType, keys::ttl),
    read("PTTL", 2, Place::AnyType, keys::pttl),
    shrink("EXPIRE", -3, Place::AnyType, keys::expire),
    shrink("PEXPIRE", -3, Place::AnyType, keys::pexpire),
    shrink("EXPIREAT", -3, Place::AnyType, keys::expireat),
    shrink("PEXPIREAT", -3, Place::AnyType, keys::pexpireat),
    shrink("PERSIST", 2, Place::AnyType, keys::persist),
    write("HSET", -4, Place::Key, hashes::hset),
    write("HMSET", -4, Place::Key, hashes::hmset),
    write("HSETNX", 4, Place::Key, hashes::hsetnx),
    read("HGET", 3, Place::Key, hashes::hget),
    read("HMGET", -3, Place::Key, hashes::hmget),
    read("HGETALL", 2, Place::AnyType, hashes::hgetall),
    read("HKEYS", 2, Place::AnyType, hashes::hkeys),
    read("HVALS", 2, Place::AnyType, hashes::hvals),
    read("HLEN", 2, Place::AnyType, hashes::hlen),
    read("HEXISTS", 3, Place::Key, hashes::hexists),
    shrink("HDEL", -3, Place::Key, hashes::hdel),
    write("HINCRBY", 4, Place::Key, hashes::hincrby),
    write("HINCRBYFLOAT", 4, Place::Key, hashes::hincrbyfloat),
    write("SADD", -3, Place::Key, sets::sadd),
    shrink("SREM", -3, Place::Key, sets::srem),
    read("SCARD", 2, Place::Key, sets::scard),
    read("SMEMBERS", 2, Place::Key, sets::smembers),
    read("SISMEMBER", 3, Place::Key, sets::sismember),
    read("SMISMEMBER", -3, Place::Key, sets::smismember),
    read("SRANDMEMBER", -2, Place::Key, sets::srandmember),
    write("SDIFFSTORE", -3, Place::Together, sets::sdiffstore),
    write("SUNIONSTORE", -3, Place::Together, sets::sunionstore),
    write("ZADD", -4, Place::Key, sorted_sets::zadd),
    write("ZINCRBY", 4, Place::Key, sorted_sets::zincrby),
    shrink("ZREM", -3, Place::Key, sorted_sets::zrem),
    read("ZCARD", 2, Place::Key, sorted_sets::zcard),
    read("ZSCORE", 3, Place::Key, sorted_sets::zscore),
    read("ZMSCORE", -3, Place::Key, sorted_sets::zmscore),
    read("ZRANK", -3, Place::Key, ranks::zrank),
    read("ZREVRANK", -3, Place::Key, ranks::zrevrank),
    shrink("ZPOPMIN", -2, Place::Key, ranks::zpopmin),
    shrink("ZPOPMAX", -2, Place::Key, ranks::zpopmax),
    read("ZCOUNT", 4, Place::Key, ranges::zcount),
    read("ZRANGE", -4, Place::Key, ranges::zrange),
    read("ZREVRANGE", -4, Place::Key, ranges::zrevrange),
    read("ZRANGEBYSCORE", -4, Place::Key, ranges::zrangebyscore),
    shrink("ZREMRANGEBYSCORE", 4, Place::Key, ranges::zremrangebyscore),
    shrink("ZREMRANGEBYRANK", 4, Place::Key, ranges::zremrangebyrank),
    admin("FLUSHDB", -1),
    admin("FLUSHALL", -1),
    admin("KEYS", 2),
    admin("SCAN", -2),
    admin("DBSIZE", 1),
];
