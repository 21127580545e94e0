//! One message to each of many objects, a bounded number at once, each with a share of the
//! request's remaining allowance. An object that needs more than its share executes nothing, and is
//! asked again alone, with the whole rest.

use super::exchange::{Answer, Asks};
use crate::bounds::{FREE_REPLY, MAX_AT_ONCE, MAX_LOOKS, MAX_REPLY};
use crate::error::RedisError;
use crate::message::{decode_answer, Allowance, Answered};
use crate::reply::Reply;

/// The remaining allowance of a request.
pub(super) struct Budget {
    reply: usize,
    looks: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            reply: MAX_REPLY,
            looks: MAX_LOOKS,
        }
    }
}

impl Budget {
    /// The share of one of `count`.
    fn share(&self, count: usize) -> Allowance {
        Allowance {
            reply: self.reply / count,
            looks: self.looks / count,
            last: count == 1,
        }
    }

    fn spend(&mut self, replies: &[Reply], looks: usize) {
        let cost = |reply: &Reply| match reply {
            Reply::Error(_) => 0,
            reply => reply.cost(usize::MAX).saturating_sub(FREE_REPLY),
        };
        let cost = replies.iter().map(cost).sum();
        self.reply = self.reply.saturating_sub(cost);
        self.looks = self.looks.saturating_sub(looks);
    }
}

/// The question to one object.
pub(super) struct Question {
    pub(super) object: String,
    /// The message.
    pub(super) text: String,
    /// How many replies belong to it.
    pub(super) count: usize,
}

/// Questions on their way.
pub(super) struct Round {
    questions: Vec<Question>,
    /// As far as they have come.
    replies: Vec<Vec<Reply>>,
    /// The first question that was not asked.
    next: usize,
    /// Those that need more than their share, in the order of the request.
    large: Vec<usize>,
    /// Those that are asked now.
    asked: Vec<usize>,
}

impl Round {
    pub(super) fn new(questions: Vec<Question>) -> Round {
        Round {
            replies: questions.iter().map(|_| Vec::new()).collect(),
            questions,
            next: 0,
            large: Vec::new(),
            asked: Vec::new(),
        }
    }

    /// What is to be asked next; `None` when everything is answered.
    pub(super) fn ask(&mut self, budget: &Budget) -> Option<Asks> {
        let behind = self.questions.len().min(self.next + MAX_AT_ONCE);
        self.asked = (self.next..behind).collect();
        self.next = behind;
        if self.asked.is_empty() {
            if self.large.is_empty() {
                return None;
            }
            self.asked.push(self.large.remove(0));
        }
        let allowance = budget.share(self.asked.len());
        let call = |&at: &usize| {
            let question = &mut self.questions[at];
            let text = match allowance.last {
                true => std::mem::take(&mut question.text),
                false => question.text.clone(),
            };
            (question.object.clone(), text)
        };
        let calls = self.asked.iter().map(call).collect();
        Some(Asks::Objects { calls, allowance })
    }

    /// Takes the answers to what was asked last, in their order.
    pub(super) fn receive(&mut self, answers: Vec<Answer>, budget: &mut Budget) {
        let asked = std::mem::take(&mut self.asked);
        let alone = asked.len() == 1;
        let nobody = !alone && answers.iter().all(|answer| *answer == Answer::Failed);
        let mut answers = answers.into_iter();
        for at in asked {
            let count = self.questions[at].count;
            let answered = match answers.next() {
                Some(Answer::Text(text)) => decode_answer(text, count),
                _ => None,
            };
            match answered {
                Some(Answered::Done(replies, looks)) => {
                    budget.spend(&replies, looks);
                    self.replies[at] = replies;
                }
                Some(Answered::More(looks)) if !alone => {
                    budget.spend(&[], looks);
                    self.large.push(at);
                }
                _ => self.replies[at] = unreachable(count),
            }
        }
        // If none of so many objects answers, the others will not either: fail at once.
        if nobody {
            for at in std::mem::replace(&mut self.next, self.questions.len())..self.questions.len()
            {
                self.replies[at] = unreachable(self.questions[at].count);
            }
        }
    }

    /// The replies to each question, once everything is answered.
    pub(super) fn replies(self) -> Vec<Vec<Reply>> {
        self.replies
    }
}

/// So many errors.
fn unreachable(count: usize) -> Vec<Reply> {
    vec![Reply::Error(RedisError::Unreachable.text(&[])); count]
}
