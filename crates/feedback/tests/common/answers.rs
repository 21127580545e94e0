//! Answers of upstreams, and what has to be read of them.
//!
//! Headers are those that the named page shows, as facts, or that its public clients have recorded.
//! Where a page's example has an old date, it is another one, near the time of the tests' answers.

/// An answer of an upstream.
pub(crate) struct Answer {
    /// Whose, and the title of the page that describes it.
    pub(crate) source: &'static str,
    pub(crate) status: u16,
    /// One a line.
    pub(crate) headers: &'static str,
    /// What is read of it: a line for each thing, as `shown` has them.
    pub(crate) read: &'static str,
}

pub(crate) const ANSWERS: &[Answer] = &[
    Answer {
        source: "RFC 9110, 10.2.3 Retry-After: delay-seconds",
        status: 503,
        headers: "Retry-After: 120",
        read: "wait +120000",
    },
    Answer {
        source: "RFC 9110, 5.6.7: IMF-fixdate",
        status: 503,
        headers: "Retry-After: Fri, 01 Jan 2027 00:02:00 GMT",
        read: "wait @1798761720000",
    },
    Answer {
        source: "RFC 9110, 5.6.7: rfc850-date",
        status: 503,
        headers: "Retry-After: Friday, 01-Jan-27 00:02:00 GMT",
        read: "wait @1798761720000",
    },
    Answer {
        source: "RFC 9110, 5.6.7: asctime-date",
        status: 503,
        headers: "Retry-After: Fri Jan  1 00:02:00 2027",
        read: "wait @1798761720000",
    },
    Answer {
        source: "RFC 9110, 10.2.3: of a redirect it is said of the redirect alone",
        status: 301,
        headers: "Retry-After: 120",
        read: "ignored retry-after notRefused",
    },
    Answer {
        source: "draft-polli-ratelimit-headers-03, and the IETF's drafts 0 to 2",
        status: 200,
        headers: "RateLimit-Limit: 10, 10;w=1, 50;w=60, 1000;w=3600, 5000;w=86400
            RateLimit-Remaining: 9
            RateLimit-Reset: 1",
        read: "- limit=10 remaining=9 reset=+1000 window=1s
            - limit=50 window=1m
            - limit=1000 window=1h
            - limit=5000 window=1d",
    },
    Answer {
        source: "draft-ietf-httpapi-ratelimit-headers-03 to -06",
        status: 200,
        headers: "RateLimit-Limit: 100
            RateLimit-Policy: 100;w=60;comment=\"sliding window\", 5000;w=3600
            RateLimit-Remaining: 50
            RateLimit-Reset: 30",
        read: "- limit=100 remaining=50 reset=+30000 window=1m
            - limit=5000 window=1h",
    },
    Answer {
        source: "draft-ietf-httpapi-ratelimit-headers-07, 3.1 and 3.5",
        status: 200,
        headers: "RateLimit-Policy: 10;w=1;burst=1000, 100;w=10
            RateLimit: limit=100, remaining=50, reset=5",
        read: "- limit=10 window=1s
            - limit=100 remaining=50 reset=+5000 window=10s",
    },
    Answer {
        source: "Unity, \"Response headers\" (draft 7)",
        status: 200,
        headers: "RateLimit-Policy: 20;w=1, 4000;w=1800
            RateLimit: limit=20, remaining=19, reset=1",
        read: "- limit=20 remaining=19 reset=+1000 window=1s
            - limit=4000 window=30m",
    },
    Answer {
        source: "draft-ietf-httpapi-ratelimit-headers-11, 3 and 4",
        status: 200,
        headers: "RateLimit-Policy: \"burst\";q=100;w=60,\"daily\";q=1000;w=86400
            RateLimit: \"burst\";r=50;t=30",
        read: "burst limit=100 remaining=50 reset=+30000 window=1m
            daily limit=1000 window=1d",
    },
    Answer {
        source: "draft-ietf-httpapi-ratelimit-headers-11, 3.2 and 4.2: units and partitions",
        status: 200,
        headers: "RateLimit-Policy: \"peruser\";q=65535;qu=\"content-bytes\";w=10;pk=:sdfjLJUOUH==:
            RateLimit: \"peruser\";r=999;pk=:dHJpYWwxMjEzMjM=:",
        read: "peruser limit=65535 remaining=999 window=10s unit=content-bytes",
    },
    Answer {
        source: "Cloudflare, \"Rate limits\" (API): draft 8 and later",
        status: 429,
        headers: "Ratelimit: \"default\";r=0;t=30
            Ratelimit-Policy: \"default\";q=1200;w=300
            retry-after: 30",
        read: "refused
            wait +30000
            default limit=1200 remaining=0 reset=+30000 window=5m",
    },
    Answer {
        source: "Tollgate, README",
        status: 429,
        headers: "RateLimit: \"2/15m\";r=0;t=1462
            RateLimit-Policy: \"2/15m\";q=2;w=900
            X-RateLimit-Limit: 2
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1798763062
            Retry-After: 1462",
        read: "refused
            wait +1462000
            - limit=2 remaining=0 reset=@1798763062000
            2/15m limit=2 remaining=0 reset=+1462000 window=15m",
    },
    Answer {
        source: "GitHub, \"Rate limits for the REST API\"",
        status: 200,
        headers: "x-ratelimit-limit: 5000
            x-ratelimit-remaining: 4999
            x-ratelimit-used: 1
            x-ratelimit-reset: 1798765200
            x-ratelimit-resource: core",
        read: "core limit=5000 remaining=4999 used=1 reset=@1798765200000",
    },
    Answer {
        source:
            "GitHub, \"Rate limits for the REST API\": exceeding the primary limit is 403 or 429",
        status: 403,
        headers: "x-ratelimit-limit: 30
            x-ratelimit-remaining: 0
            x-ratelimit-used: 30
            x-ratelimit-reset: 1798761660
            x-ratelimit-resource: search",
        read: "refused
            search limit=30 remaining=0 used=30 reset=@1798761660000",
    },
    Answer {
        source: "GitHub, \"Rate limits for the REST API\": a secondary limit",
        status: 403,
        headers: "retry-after: 60",
        read: "refused
            wait +60000",
    },
    Answer {
        source: "GitLab, \"User and IP rate limits\", Response headers",
        status: 429,
        headers: "RateLimit-Limit: 60
            RateLimit-Name: throttle_authenticated_web
            RateLimit-Observed: 67
            RateLimit-Remaining: 0
            RateLimit-Reset: 1798761630
            RateLimit-ResetTime: Fri, 01 Jan 2027 00:00:30 GMT
            Retry-After: 30",
        read: "refused
            wait +30000
            throttle_authenticated_web limit=60 remaining=0 used=67 reset=@1798761630000",
    },
    Answer {
        source: "Jira Cloud, \"Rate limiting\"; what else it says is no number",
        status: 429,
        headers: "Retry-After: 5
            X-RateLimit-Limit: 350
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 2027-01-01T00:01Z
            X-RateLimit-NearLimit: true
            RateLimit-Reason: jira-burst-based",
        read: "refused
            wait +5000
            - limit=350 remaining=0 reset=@1798761660000
            ignored ratelimit-reason unknown
            ignored x-ratelimit-nearlimit unknown",
    },
    Answer {
        source: "Linear, \"Rate limiting\": two limits, in Unix milliseconds",
        status: 200,
        headers: "X-RateLimit-Requests-Limit: 1500
            X-RateLimit-Requests-Remaining: 1499
            X-RateLimit-Requests-Reset: 1798765200000
            X-RateLimit-Complexity-Limit: 250000
            X-RateLimit-Complexity-Remaining: 249900
            X-RateLimit-Complexity-Reset: 1798765200000",
        read: "complexity limit=250000 remaining=249900 reset=@1798765200000
            requests limit=1500 remaining=1499 reset=@1798765200000",
    },
    Answer {
        source: "Stripe, \"Rate limits\"",
        status: 429,
        headers: "Stripe-Rate-Limited-Reason: global-rate
            Retry-After: 1",
        read: "refused
            scope Everything
            measure Rate
            wait +1000",
    },
    Answer {
        source: "Stripe, \"Rate limits\"",
        status: 429,
        headers: "Stripe-Rate-Limited-Reason: endpoint-concurrency",
        read: "refused
            scope Endpoint
            measure Concurrency",
    },
    Answer {
        source: "Salesforce, \"REST API Developer Guide\", Limit Info Header",
        status: 200,
        headers: "Sforce-Limit-Info: api-usage=18/5000",
        read: "api-usage limit=5000 remaining=4982 used=18",
    },
    Answer {
        source: "Salesforce, \"REST API Developer Guide\", Limit Info Header",
        status: 200,
        headers: "Sforce-Limit-Info: api-usage=25/5000; \
            per-app-api-usage=17/250(appName=sample-connected-app)",
        read: "api-usage limit=5000 remaining=4975 used=25
            per-app-api-usage limit=250 remaining=233 used=17",
    },
    Answer {
        source: "Salesforce, \"REST API Developer Guide\", Limit Info Header",
        status: 200,
        headers: "Sforce-Limit-Info: api-usage=10018/100000; api-bursts=1/750",
        read: "api-bursts limit=750 remaining=749 used=1
            api-usage limit=100000 remaining=89982 used=10018",
    },
    Answer {
        source: "OpenAI, \"Rate limits\", Rate limits in headers",
        status: 200,
        headers: "x-ratelimit-limit-requests: 60
            x-ratelimit-limit-tokens: 150000
            x-ratelimit-remaining-requests: 59
            x-ratelimit-remaining-tokens: 149984
            x-ratelimit-reset-requests: 1s
            x-ratelimit-reset-tokens: 6m0s",
        read: "requests limit=60 remaining=59 reset=+1000
            tokens limit=150000 remaining=149984 reset=+360000",
    },
    Answer {
        source: "OpenAI's forum, \"How to get rate limit reset time for response API?\"",
        status: 200,
        headers: "x-ratelimit-limit-tokens_usage_based: 160000
            x-ratelimit-remaining-tokens_usage_based: 159976
            x-ratelimit-reset-tokens_usage_based: 9ms",
        read: "tokens_usage_based limit=160000 remaining=159976 reset=+9",
    },
    Answer {
        source: "Azure OpenAI, Microsoft Q&A \"x-ratelimit headers values -1, 0\"",
        status: 429,
        headers: "x-ratelimit-limit-tokens: -1
            x-ratelimit-remaining-tokens: -1
            x-ratelimit-reset-tokens: 0
            retry-after-ms: 1250",
        read: "refused
            wait +1250
            tokens reset=+0
            ignored x-ratelimit-limit-tokens negative
            ignored x-ratelimit-remaining-tokens negative",
    },
    Answer {
        source: "Anthropic, \"Rate limits\", Response headers, as a public client recorded them",
        status: 200,
        headers: "anthropic-ratelimit-requests-limit: 1000
            anthropic-ratelimit-requests-remaining: 999
            anthropic-ratelimit-requests-reset: 2027-01-01T00:00:01Z
            anthropic-ratelimit-tokens-limit: 96000
            anthropic-ratelimit-tokens-remaining: 96000
            anthropic-ratelimit-tokens-reset: 2026-12-31T23:59:59Z
            anthropic-ratelimit-input-tokens-limit: 80000
            anthropic-ratelimit-input-tokens-remaining: 79000
            anthropic-ratelimit-input-tokens-reset: 2027-01-01T00:00:03Z
            anthropic-ratelimit-output-tokens-limit: 16000
            anthropic-ratelimit-output-tokens-remaining: 16000
            anthropic-ratelimit-output-tokens-reset: 2027-01-01T00:00:00Z",
        read: "input-tokens limit=80000 remaining=79000 reset=@1798761603000
            output-tokens limit=16000 remaining=16000 reset=@1798761600000
            requests limit=1000 remaining=999 reset=@1798761601000
            tokens limit=96000 remaining=96000 reset=@1798761599000",
    },
    Answer {
        source: "Anthropic, \"Service tiers\"; and headers that no page describes",
        status: 200,
        headers: "anthropic-priority-input-tokens-limit: 10000
            anthropic-priority-input-tokens-remaining: 9618
            anthropic-priority-input-tokens-reset: 2027-01-01T00:00:59Z
            anthropic-ratelimit-unified-5h-utilization: 0.42
            anthropic-ratelimit-unified-5h-reset: 1798765200",
        read: "priority-input-tokens limit=10000 remaining=9618 reset=@1798761659000
            ignored anthropic-ratelimit-unified-5h-reset unknown
            ignored anthropic-ratelimit-unified-5h-utilization unknown",
    },
    Answer {
        source: "Shopify, \"REST Admin API rate limits\"",
        status: 429,
        headers: "X-Shopify-Shop-Api-Call-Limit: 40/40
            Retry-After: 2.0",
        read: "refused
            wait +2000
            - limit=40 remaining=0 used=40",
    },
    Answer {
        source: "Shopify, \"REST Admin API rate limits\"",
        status: 200,
        headers: "X-Shopify-Shop-Api-Call-Limit: 32/40",
        read: "- limit=40 remaining=8 used=32",
    },
    Answer {
        source: "HubSpot, \"API usage guidelines\", as a public client recorded them",
        status: 200,
        headers: "X-HubSpot-RateLimit-Daily: 1000000
            X-HubSpot-RateLimit-Daily-Remaining: 919952
            X-HubSpot-RateLimit-Interval-Milliseconds: 10000
            X-HubSpot-RateLimit-Max: 200
            X-HubSpot-RateLimit-Remaining: 198
            X-HubSpot-RateLimit-Secondly: 20
            X-HubSpot-RateLimit-Secondly-Remaining: 19",
        read: "- limit=200 remaining=198 window=10s
            daily limit=1000000 remaining=919952 window=1d
            secondly limit=20 remaining=19 window=1s",
    },
    Answer {
        source: "HighLevel, \"Rate Limits\": HubSpot's words under another name",
        status: 200,
        headers: "X-RateLimit-Limit-Daily: 200000
            X-RateLimit-Daily-Remaining: 199999
            X-RateLimit-Interval-Milliseconds: 10000
            X-RateLimit-Max: 100
            X-RateLimit-Remaining: 99",
        read: "- limit=100 remaining=99 window=10s
            daily limit=200000 remaining=199999 window=1d",
    },
    Answer {
        source: "Slack, \"Rate limits\"",
        status: 429,
        headers: "Retry-After: 30",
        read: "refused
            wait +30000",
    },
    Answer {
        source: "Discord, \"Rate Limits\", Header Format",
        status: 200,
        headers: "X-RateLimit-Limit: 5
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1798761601.337
            X-RateLimit-Reset-After: 1.337
            X-RateLimit-Bucket: abcd1234",
        read: "abcd1234 limit=5 remaining=0 reset=+1337",
    },
    Answer {
        source: "Discord, \"Rate Limits\", Exceeding a Rate Limit",
        status: 429,
        headers: "Retry-After: 65
            X-RateLimit-Limit: 10
            X-RateLimit-Remaining: 9
            X-RateLimit-Reset: 1798761664
            X-RateLimit-Reset-After: 64.57
            X-RateLimit-Bucket: abcd1234
            X-RateLimit-Scope: shared",
        read: "refused
            scope Resource
            wait +65000
            abcd1234 limit=10 remaining=9 reset=+64570",
    },
    Answer {
        source: "Discord, \"Rate Limits\", Exceeding a Rate Limit: the global one",
        status: 429,
        headers: "Retry-After: 65
            X-RateLimit-Global: true
            X-RateLimit-Scope: global",
        read: "refused
            scope Everything
            wait +65000",
    },
    Answer {
        source: "X, \"Rate limits\"",
        status: 200,
        headers: "x-rate-limit-limit: 900
            x-rate-limit-remaining: 847
            x-rate-limit-reset: 1798762500",
        read: "- limit=900 remaining=847 reset=@1798762500000",
    },
    Answer {
        source: "X, as public clients have recorded it",
        status: 429,
        headers: "x-rate-limit-limit: 1080000
            x-rate-limit-remaining: 1079999
            x-rate-limit-reset: 1798762500
            x-app-limit-24hour-limit: 1200000
            x-app-limit-24hour-remaining: 1199999
            x-user-limit-24hour-limit: 25
            x-user-limit-24hour-remaining: 0
            x-user-limit-24hour-reset: 1798800000",
        read: "refused
            - limit=1080000 remaining=1079999 reset=@1798762500000
            app-24hour limit=1200000 remaining=1199999 window=1d
            user-24hour limit=25 remaining=0 reset=@1798800000000 window=1d",
    },
    Answer {
        source: "Twilio, as public clients have recorded it",
        status: 429,
        headers: "Twilio-Concurrent-Requests: 101",
        read: "refused
            concurrent-requests used=101",
    },
    Answer {
        source: "SendGrid, \"Rate Limits\"",
        status: 429,
        headers: "X-RateLimit-Limit: 150
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1798761663",
        read: "refused
            - limit=150 remaining=0 reset=@1798761663000",
    },
    Answer {
        source: "SendGrid, \"Rate Limits\": the page's example, of 2014",
        status: 200,
        headers: "X-RateLimit-Limit: 500
            X-RateLimit-Remaining: 499
            X-RateLimit-Reset: 1392815263",
        read: "- limit=500 remaining=499
            ignored x-ratelimit-reset implausible",
    },
    Answer {
        source: "Zendesk, \"Best practices for avoiding rate limiting\"",
        status: 200,
        headers: "x-rate-limit: 700
            ratelimit-limit: 700
            x-rate-limit-remaining: 699
            ratelimit-remaining: 699
            ratelimit-reset: 41
            zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41",
        read: "- limit=700 remaining=699 reset=+41000
            tickets-index limit=100 remaining=99 reset=+41000",
    },
    Answer {
        source: "Azure Resource Manager and Compute, \"Troubleshooting API throttling errors\"",
        status: 200,
        headers: "x-ms-ratelimit-remaining-resource: \
            Microsoft.Compute/GetVMScaleSet3Min;197,Microsoft.Compute/GetVMScaleSet30Min;1297
            x-ms-ratelimit-remaining-subscription-reads: 11999",
        read: "Microsoft.Compute/GetVMScaleSet30Min remaining=1297
            Microsoft.Compute/GetVMScaleSet3Min remaining=197
            subscription-reads remaining=11999",
    },
    Answer {
        source: "Azure Cost Management, as public clients read it",
        status: 429,
        headers: "x-ms-ratelimit-microsoft.costmanagement-entity-retry-after: 30
            x-ms-ratelimit-microsoft.costmanagement-clienttype-retry-after: 12",
        read: "refused
            wait +30000",
    },
    Answer {
        source: "Azure Resource Graph, \"Guidance for throttled requests in Azure Resource Graph\"",
        status: 200,
        headers: "x-ms-user-quota-remaining: 10
            x-ms-user-quota-resets-after: 00:00:03",
        read: "user-quota remaining=10 reset=+3000",
    },
    Answer {
        source: "Azure Cosmos DB, \"Performance tips\"",
        status: 429,
        headers: "x-ms-retry-after-ms: 100",
        read: "refused
            wait +100",
    },
    Answer {
        source: "Azure, asynchronous operations: 202 says when to look again",
        status: 202,
        headers: "Retry-After: 15
            x-ms-ratelimit-remaining-subscription-writes: 1199",
        read: "subscription-writes remaining=1199
            ignored retry-after notRefused",
    },
    Answer {
        source: "Reddit, wiki page \"API\"; numbers as PRAW's users have seen them",
        status: 200,
        headers: "X-Ratelimit-Used: 2
            X-Ratelimit-Remaining: 598.0
            X-Ratelimit-Reset: 356",
        read: "- remaining=598 used=2 reset=+356000",
    },
    Answer {
        source: "Vercel, \"Rate limits\" (REST API)",
        status: 429,
        headers: "X-RateLimit-Limit: 100
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 1798761660",
        read: "refused
            - limit=100 remaining=0 reset=@1798761660000",
    },
    Answer {
        source: "Kong, \"Rate Limiting\" plugin",
        status: 200,
        headers: "X-RateLimit-Limit-Second: 5
            X-RateLimit-Remaining-Second: 4
            X-RateLimit-Limit-Minute: 10
            X-RateLimit-Remaining-Minute: 9
            RateLimit-Limit: 10
            RateLimit-Remaining: 9
            RateLimit-Reset: 47",
        read: "- limit=10 remaining=9 reset=+47000
            minute limit=10 remaining=9 window=1m
            second limit=5 remaining=4 window=1s",
    },
    Answer {
        source: "Brevo, \"Rate limit headers\"",
        status: 200,
        headers: "x-sib-ratelimit-limit: 1000
            x-sib-ratelimit-remaining: 999
            x-sib-ratelimit-reset: 30",
        read: "- limit=1000 remaining=999 reset=+30000",
    },
    Answer {
        source: "MailerLite, \"API rate limits\"; a date without its zone",
        status: 429,
        headers: "X-RateLimit-Limit: 60
            X-RateLimit-Remaining: 0
            X-RateLimit-Reset: 2027-01-01 00:00:37
            X-RateLimit-Retry-After: 37",
        read: "refused
            wait +37000
            - limit=60 remaining=0
            ignored x-ratelimit-reset malformed",
    },
    Answer {
        source: "Agent.ai, \"Rate Limits\": an instant, and the same as a date",
        status: 200,
        headers: "ratelimit-limit: 1000
            ratelimit-remaining: 999
            ratelimit-reset: 1798761660000
            ratelimit-reset-date: 2027-01-01T00:01:00.000Z",
        read: "- limit=1000 remaining=999 reset=@1798761660000",
    },
    Answer {
        source: "Akamai, \"Rate limits\" (Cloudlets): a field that says something else",
        status: 200,
        headers: "X-RateLimit-Limit: 10
            X-RateLimit-Remaining: 9
            X-RateLimit-Next: 2027-01-01T00:00:06.000Z",
        read: "- limit=10 remaining=9
            ignored x-ratelimit-next unknown",
    },
    Answer {
        source: "no upstream that says anything of limits",
        status: 429,
        headers: "Content-Type: application/json
            Date: Fri, 01 Jan 2027 00:00:00 GMT
            X-Request-Id: 7",
        read: "refused",
    },
];
