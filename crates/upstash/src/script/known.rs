//! The hashes of the known scripts: the first 64 bits of the SHA1 of each published text, and of
//! each text normalised.
//!
//! Made by `tests/upstash/scripts.mjs` from the published packages, which also checks that nothing
//! is missing.

use super::published::Script;

/// The script whose text has a SHA1 that begins so.
pub(super) fn exact(start: u64) -> Option<Script> {
    find(&EXACT, start)
}

/// The script whose normalised text has a SHA1 that begins so.
pub(super) fn normalized(start: u64) -> Option<Script> {
    find(&NORMALIZED, start)
}

/// A hash by which a script is named between the Worker and an object: that of its oldest text,
/// which every version knows.
pub(super) fn name_of(script: Script) -> Option<u64> {
    EXACT
        .iter()
        .find(|(_, known)| *known == script)
        .map(|(start, _)| *start)
}

fn find(table: &[(u64, Script)], start: u64) -> Option<Script> {
    table
        .iter()
        .find(|(known, _)| *known == start)
        .map(|(_, script)| *script)
}

static EXACT: [(u64, Script); 76] = [
    (0x0fa9c90dc1d0dad2, Script::F1), // fixed.limit @upstash/ratelimit 0.1.3 to 1.0.1
    (0x375e8c55641c07e8, Script::F2), // fixed.limit @upstash/ratelimit 1.0.3
    (0xb13943e359636db0, Script::F2), // fixed.limit @upstash/ratelimit 1.1.1 to 2.0.7
    (0x472e55443b62f60d, Script::F3), // fixed.limit @upstash/ratelimit 2.0.8
    (0xb2efc02798c8e9b4, Script::F3), // fixed.limit @upstash/ratelimit 2.1.0 to 2.2.0
    (0x78b41ca1e0fb451d, Script::F1), // fixed.limit upstash-ratelimit 0.2.0 to 0.4.2
    (0xa677a22e4cd5c8a9, Script::F1), // fixed.limit upstash-ratelimit 0.5.0 to 1.0.0
    (0x13f452b0e337a3ed, Script::F2), // fixed.limit upstash-ratelimit 1.1.0
    (0xc12c2b62113f308e, Script::F2), // fixed.limit upstash-ratelimit 1.2.0
    (0x5e209e83cb1af7b9, Script::F1), // cachedFixed.limit @upstash/ratelimit 0.2.0 to 1.0.1
    (0xc26b12703dd13793, Script::F2), // cachedFixed.limit @upstash/ratelimit 1.0.3 to 2.0.8
    (0x1861a700bafe96c8, Script::F2), // cachedFixed.limit @upstash/ratelimit 2.1.0 to 2.2.0
    (0x8c4c341934502aee, Script::FR1), // fixed.remaining @upstash/ratelimit 1.1.1 to 2.0.7
    (0x40515c9dd0a08f85, Script::FR2), // fixed.remaining @upstash/ratelimit 2.0.8
    (0x823cb2a5a902d696, Script::FR2), // fixed.remaining @upstash/ratelimit 2.1.0 to 2.2.0
    (0x8e8f222ccae68b59, Script::FR1), // cachedFixed.remaining @upstash/ratelimit 1.1.1 to 2.0.8
    (0xeb82f0e853d2fc9a, Script::FR1), // cachedFixed.remaining @upstash/ratelimit 2.1.0 to 2.2.0
    (0xb6156871abd5c521, Script::S0), // sliding.limit @upstash/ratelimit 0.1.3 to 0.4.0
    (0xeeac075a8bb2b541, Script::S0b), // sliding.limit @upstash/ratelimit 0.4.1 to 0.4.3
    (0x44b366ac3ebd2eed, Script::S1), // sliding.limit @upstash/ratelimit 0.4.4 to 1.0.1
    (0xae4802a9916a3117, Script::S2), // sliding.limit @upstash/ratelimit 1.0.3
    (0xe1391e429b699c78, Script::S2), // sliding.limit @upstash/ratelimit 1.1.1 to 2.0.6
    (0x9b7842963bd73721, Script::S3), // sliding.limit @upstash/ratelimit 2.0.7
    (0x977fb636fb5ceb7e, Script::S4), // sliding.limit @upstash/ratelimit 2.0.8
    (0x74740bb3d7792848, Script::S4), // sliding.limit @upstash/ratelimit 2.1.0 to 2.2.0
    (0xe15257055b0ad16d, Script::S0b), // sliding.limit upstash-ratelimit 0.2.0 to 0.4.2
    (0xa49582233b635643, Script::S1), // sliding.limit upstash-ratelimit 0.5.0 to 1.0.0
    (0x810b44cbb5972f27, Script::S2), // sliding.limit upstash-ratelimit 1.1.0
    (0xf8c78d62cf9f0660, Script::S2), // sliding.limit upstash-ratelimit 1.2.0
    (0x65a73ac5a05bf971, Script::SR1), // sliding.remaining @upstash/ratelimit 1.1.1 to 2.0.7
    (0xee3a3265fad822f8, Script::SR2), // sliding.remaining @upstash/ratelimit 2.0.8
    (0x7ca36169e0fc9cae, Script::SR2), // sliding.remaining @upstash/ratelimit 2.1.0 to 2.2.0
    (0xab261fc31370e560, Script::T0), // bucket.limit @upstash/ratelimit 0.1.3 to 0.4.3
    (0x020d50063e82405b, Script::T0b), // bucket.limit @upstash/ratelimit 0.4.4
    (0xae937bd405fc3d47, Script::T1), // bucket.limit @upstash/ratelimit 1.0.0 to 1.0.1
    (0x5bece90aeef8189a, Script::T2), // bucket.limit @upstash/ratelimit 1.0.3 to 2.0.6
    (0xd1f857ebbdaeca90, Script::T3), // bucket.limit @upstash/ratelimit 2.0.7
    (0xb35c5bc0b7fdae7d, Script::T4), // bucket.limit @upstash/ratelimit 2.0.8
    (0xa9873a8026b509e9, Script::T4), // bucket.limit @upstash/ratelimit 2.1.0
    (0xd60be5bd3d83482a, Script::T5), // bucket.limit @upstash/ratelimit 2.2.0
    (0x67aa8759e1342d10, Script::T0p), // bucket.limit upstash-ratelimit 0.2.0 to 0.4.2
    (0xb50447c414c777af, Script::T1p), // bucket.limit upstash-ratelimit 0.5.0 to 1.0.0
    (0x9d52ca1acde733f0, Script::T2p), // bucket.limit upstash-ratelimit 1.1.0
    (0x7b6940a4ef8ef6a6, Script::T5p), // bucket.limit upstash-ratelimit 1.2.0
    (0x67f84c3691a7a22a, Script::TR0), // bucket.remaining @upstash/ratelimit 1.1.1 to 1.2.1
    (0xa15be2bb1db2a15f, Script::TR1), // bucket.remaining @upstash/ratelimit 2.0.0 to 2.0.7
    (0xdeb03663e8af5a96, Script::TR2), // bucket.remaining @upstash/ratelimit 2.0.8
    (0x40daf4a441df736f, Script::TR2), // bucket.remaining @upstash/ratelimit 2.1.0 to 2.2.0
    (0x78ebfedf530490be, Script::MF0), // multi.fixed.limit @upstash/ratelimit 0.1.3 to 1.0.1
    (0x8f7788c4a9c16323, Script::MF1), // multi.fixed.limit @upstash/ratelimit 1.0.3 to 1.1.1
    (0xa8c14f3835aa87bd, Script::MF1), // multi.fixed.limit @upstash/ratelimit 1.1.2 to 2.0.8
    (0xe04b753a75909b7f, Script::MF1), // multi.fixed.limit @upstash/ratelimit 2.1.0 to 2.2.0
    (0x8ab8322d0ed5fe5a, Script::MFR), // multi.fixed.remaining @upstash/ratelimit 1.1.1 to 2.0.8
    (0xe066c8ce3eaca142, Script::MFR), // multi.fixed.remaining @upstash/ratelimit 2.1.0 to 2.2.0
    (0x4e84aed21f591c70, Script::MS0), // multi.sliding.limit @upstash/ratelimit 0.1.3 to 0.4.4
    (0x97c22a0655b2fa71, Script::MS0b), // multi.sliding.limit @upstash/ratelimit 1.0.0 to 1.0.1
    (0xcb4fdc2575056df7, Script::MS1), // multi.sliding.limit @upstash/ratelimit 1.0.3 to 2.0.6
    (0x1e7ca8dcd2d600a6, Script::MS2), // multi.sliding.limit @upstash/ratelimit 2.0.7 to 2.0.8
    (0xaeb4d8f381e8dafc, Script::MS2), // multi.sliding.limit @upstash/ratelimit 2.1.0 to 2.2.0
    (0x558c9306b7ec54ab, Script::MSR), // multi.sliding.remaining @upstash/ratelimit 1.1.1 to 2.0.8
    (0x87828c1088f6a8d1, Script::MSR), // multi.sliding.remaining @upstash/ratelimit 2.1.0 to 2.2.0
    (0x54bd274ddc59fb3b, Script::R),  // reset @upstash/ratelimit 1.1.1 to 2.2.0
    (0xe8062088fe7e6799, Script::D),  // denyList @upstash/ratelimit 1.2.1 to 2.2.0
    (0x9489a4bb59e12600, Script::A1), // analytics.aggregate @upstash/core-analytics 0.0.8 to 0.0.10
    (0x889f06ad27a40aed, Script::A2), // analytics.usage @upstash/core-analytics 0.0.8 to 0.0.10
    (0xfb660e4126fb6827, Script::A3a), // analytics.top @upstash/core-analytics 0.0.8
    (0xc76ca4c298985b09, Script::A3b), // analytics.top @upstash/core-analytics 0.0.9
    (0xbce9567d6a2ce82c, Script::A3c), // analytics.top @upstash/core-analytics 0.0.10
    (0x3f424a504987d231, Script::H1), // increment rate-limit-redis 4.0.0 to 4.2.0, hono-rate-limiter 0.5.0 to 0.5.4
    (0xb829ec02dca78a14, Script::H1), // increment rate-limit-redis 4.2.1 to 4.2.2
    (0x81dbecea94d2d105, Script::H2), // increment rate-limit-redis 4.2.3 to 5.0.0
    (0x895b92e1712734e1, Script::H3), // increment rate-limit-redis 6.0.0 to 6.0.1
    (0x6aeb97ed6086dcde, Script::HR), // get rate-limit-redis 4.1.1 to 6.0.1, hono-rate-limiter 0.5.0 to 0.5.4
    (0x77bdf75bdec9b69f, Script::HD), // decrement hono-rate-limiter 0.5.4
    (0xb8a19d47785922bb, Script::B1), // rateLimit @fastify/rate-limit 10.3.0 to 11.2.0
    (0x4c7d9ef62b3d4f8e, Script::BR), // rateLimitRead @fastify/rate-limit 11.1.0 to 11.2.0
];

static NORMALIZED: [(u64, Script); 65] = [
    (0x21bfdf7df4e3ea56, Script::F1),
    (0x7cca4d2d44e1fd41, Script::F2),
    (0x1875938ece81e54d, Script::F2),
    (0x50c4ba23f9433556, Script::F3),
    (0x8e4d4daf0edcaf63, Script::F3),
    (0x44e440010037aade, Script::F1),
    (0x201f45882d1441d7, Script::F1),
    (0x192c6c91e0b30bb8, Script::F2),
    (0x55cbd024129a5e0b, Script::FR1),
    (0xe3ee3d259bd21134, Script::FR2),
    (0x5919bfa47c6b7ba4, Script::FR2),
    (0xc6203a7e443ea939, Script::S0),
    (0x590e8eae4bd99d6c, Script::S0b),
    (0x2441bd8d3c1c29d0, Script::S1),
    (0x2025d5c486fc633c, Script::S2),
    (0xbc8834da6cf0b862, Script::S2),
    (0xeaeab360f6b7d78a, Script::S3),
    (0x8b3a43af2406cee4, Script::S4),
    (0x409b42f0930472c1, Script::S4),
    (0x9a56a91e7f6e08d9, Script::S0b),
    (0x327d4f07a606bb42, Script::S1),
    (0xa72bdee1c2931fe7, Script::S2),
    (0x8fdb3f89a995e81b, Script::SR1),
    (0xb0a201df8ee0b601, Script::SR2),
    (0x95f7682b53790c1b, Script::SR2),
    (0x4095c54b46304441, Script::T0),
    (0xea6775e5d11ab1a5, Script::T0b),
    (0x7bf4beac80f699b0, Script::T1),
    (0x9f6b0ff5a65f6c93, Script::T2),
    (0x0fe5618839fcb630, Script::T3),
    (0x1b1c7869589ef32d, Script::T4),
    (0x93b7f4c64113380c, Script::T4),
    (0x71880d7bb610997c, Script::T5),
    (0x46a179b2435dc236, Script::T0p),
    (0x80f1d02289467cca, Script::T1p),
    (0xb2574e81bdbb28cc, Script::T2p),
    (0x3130ef2f9f54e8b7, Script::T5p),
    (0x8a81aabd3d16f9b1, Script::TR0),
    (0xed63bc9553e494d9, Script::TR1),
    (0x5110bd9c702102e2, Script::TR2),
    (0x472e7b55cf4993ab, Script::TR2),
    (0xd7298729b624bdf7, Script::MF0),
    (0x9395761250c56974, Script::MF1),
    (0x1b0b1b53e56ddae1, Script::MF1),
    (0xbc4e4b2de47ccc39, Script::MFR),
    (0xbccf18511eed20f0, Script::MS0),
    (0x7117452e01f899c3, Script::MS0b),
    (0x9c2b272c38e9cd65, Script::MS1),
    (0x7672778ead3c256a, Script::MS2),
    (0x9310f854ab326789, Script::MSR),
    (0x6c7255ec4ddce8e6, Script::R),
    (0x8fcb3043a52ea5ac, Script::D),
    (0x5f091c25d16fd0b7, Script::A1),
    (0x3d23208999e5df9f, Script::A2),
    (0x19276c3a12cb1d52, Script::A3a),
    (0xacf2be0aec7ef0d7, Script::A3b),
    (0x8627032eac896a48, Script::A3c),
    (0xb55464b7f9811439, Script::H1),
    (0xf59ddd5b7bf42601, Script::H1),
    (0x428629da7fbee2d9, Script::H2),
    (0xa974551c4f74ccf6, Script::H3),
    (0xdd7ee88758cc431c, Script::HR),
    (0x156777ba5816e9db, Script::HD),
    (0x5a12e3e00b0e779e, Script::B1),
    (0x43c8e701997fc93b, Script::BR),
];
