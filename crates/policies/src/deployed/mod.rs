//! Policies that a deployment brings: they hold in every namespace, under each name of which no
//! policy is stored. Nothing of them is kept: whoever reads them has them from the settings.
//!
//! They may extend each other, stand above each other and fall back to each other. A variant is
//! one of the base that was deployed with it, whatever is stored under the base's name.

mod read;

use tollgate_core::policy::Version;

use crate::content::Content;

pub use read::{InvalidDeployed, MAX_BYTES, MAX_DEPLOYED};

/// All that one deployment brings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Deployed {
    text: String,
    /// In the order of their names. They are few, and a further kind of map is code to load.
    policies: Vec<(String, DeployedPolicy)>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployedPolicy {
    /// The policy.
    pub content: Content,
    /// [`Version::edition`]: the same wherever the definition is the same, and never 0.
    pub edition: u64,
}

impl Deployed {
    /// As they were written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.policies.is_empty()
    }

    /// The policy of this name.
    pub fn get(&self, name: &str) -> Option<&DeployedPolicy> {
        let of_name = |(it, _): &(String, DeployedPolicy)| it.as_str().cmp(name);
        let at = self.policies.binary_search_by(of_name).ok()?;
        Some(&self.policies[at].1)
    }

    /// All of them by their names.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Content)> {
        let all = self.policies.iter();
        all.map(|(name, policy)| (name.as_str(), &policy.content))
    }
}

impl DeployedPolicy {
    /// Its version, where it holds behind this one of what is stored.
    pub const fn version(&self, behind: Version) -> Version {
        Version {
            edition: self.edition,
            ..behind
        }
    }
}
