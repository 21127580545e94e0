//! The files of presets, by their providers.

macro_rules! files {
    ($($provider:literal),* $(,)?) => {
        [$(($provider, include_str!(concat!("../../../../presets/", $provider, ".json")))),*]
    };
}

/// Each provider with the text of its file, in the order of their names.
pub(super) const FILES: [(&str, &str); 12] = files![
    "duckduckgo",
    "email",
    "enrichment",
    "github",
    "grok",
    "inbound",
    "millionverifier",
    "salesforce",
    "smtp",
    "stripe",
    "supabase",
    "webhook",
];
