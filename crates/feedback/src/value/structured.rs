//! Structured fields (RFC 9651), as far as the drafts of `RateLimit` use them: lists of items with
//! parameters, and dictionaries.
//!
//! The grammar is the crate `sfv`'s: it follows the RFC to the letter, is maintained, and serves
//! Firefox. A visitor collects what is read, so that its map types, and the crate below them, are
//! left out.

use core::convert::Infallible;

use sfv::visitor::{
    DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor,
    ParameterVisitor,
};
use sfv::{BareItemFromInput, KeyRef, Parser};

use crate::Why;

/// A bare item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bare {
    Integer(i64),
    /// A string or a token.
    Text(String),
    /// What no draft has a meaning for.
    Other,
}

impl Bare {
    /// An integer of zero or more.
    pub(crate) fn count(&self) -> Result<u64, Why> {
        match self {
            Bare::Integer(it) => u64::try_from(*it).map_err(|_| Why::Negative),
            _ => Err(Why::Malformed),
        }
    }

    /// A string or a token.
    pub(crate) fn text(&self) -> Result<&str, Why> {
        match self {
            Bare::Text(it) => Ok(it),
            _ => Err(Why::Malformed),
        }
    }
}

/// A member of a list or a dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Nothing in a list.
    pub(crate) key: String,
    pub(crate) value: Bare,
    parameters: Vec<(String, Bare)>,
}

impl Member {
    fn new(key: &str) -> Member {
        Member {
            key: key.to_owned(),
            value: Bare::Other,
            parameters: Vec::new(),
        }
    }

    /// A parameter. Of several the last counts, as the RFC wants it.
    pub(crate) fn parameter(&self, key: &str) -> Option<&Bare> {
        let mut from_last = self.parameters.iter().rev();
        from_last.find_map(|(name, value)| (name == key).then_some(value))
    }
}

/// The members of a list. A field that is not right as a whole is none.
pub(crate) fn list(field: &str) -> Result<Vec<Member>, Why> {
    let read = Parser::new(field).parse_list_with_visitor(Members::default());
    read.map_err(|_| Why::Malformed)
}

/// The members of a dictionary, also those whose key is there twice.
pub(crate) fn dictionary(field: &str) -> Result<Vec<Member>, Why> {
    let read = Parser::new(field).parse_dictionary_with_visitor(Members::default());
    read.map_err(|_| Why::Malformed)
}

impl From<BareItemFromInput<'_>> for Bare {
    fn from(item: BareItemFromInput<'_>) -> Bare {
        match item {
            BareItemFromInput::Integer(it) => Bare::Integer(it.into()),
            BareItemFromInput::String(it) => Bare::Text(it.as_str().to_owned()),
            BareItemFromInput::Token(it) => Bare::Text(it.as_str().to_owned()),
            _ => Bare::Other,
        }
    }
}

/// Collects the members.
#[derive(Default)]
struct Members(Vec<Member>);

impl Members {
    fn add(&mut self, key: &str) -> InMember<'_> {
        self.0.push(Member::new(key));
        let last = self.0.len() - 1;
        InMember(&mut self.0[last])
    }
}

impl<'de> ListVisitor<'de> for Members {
    type Out = Vec<Member>;
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(self.add(""))
    }

    fn finish(self) -> Result<Vec<Member>, Infallible> {
        Ok(self.0)
    }
}

impl<'de> DictionaryVisitor<'de> for Members {
    type Out = Vec<Member>;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(self.add(key.as_str()))
    }

    fn finish(self) -> Result<Vec<Member>, Infallible> {
        Ok(self.0)
    }
}

/// Fills in a member, of which an inner list is no value that means anything.
struct InMember<'a>(&'a mut Member);

impl<'de> EntryVisitor<'de> for InMember<'_> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for InMember<'_> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(
        self,
        item: BareItemFromInput<'de>,
    ) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        self.0.value = item.into();
        Ok(self)
    }
}

impl<'de> ParameterVisitor<'de> for InMember<'_> {
    type Out = ();
    type Error = Infallible;

    fn parameter(
        &mut self,
        key: &'de KeyRef,
        value: BareItemFromInput<'de>,
    ) -> Result<(), Infallible> {
        let parameter = (key.as_str().to_owned(), value.into());
        self.0.parameters.push(parameter);
        Ok(())
    }

    fn finish(self) -> Result<(), Infallible> {
        Ok(())
    }
}
