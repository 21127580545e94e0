//! The plan, step by step.

use super::*;
use crate::Duration;

const ADMITTED: ObjectAnswer = ObjectAnswer {
    charged: Charged::Yes,
    verdict: Verdict::Admitted,
};
const CONTENDED: ObjectAnswer = ObjectAnswer {
    charged: Charged::No,
    verdict: Verdict::Contended,
};
const REFUSED: ObjectAnswer = ObjectAnswer {
    charged: Charged::No,
    verdict: Verdict::Refused,
};

fn time(elapsed: u64) -> Time {
    let millis = Duration::from_millis;
    Time {
        elapsed: millis(elapsed),
        deadline: millis(1_000),
    }
}

#[test]
fn all_are_asked_at_once_and_admit_together() {
    let (mut plan, wave) = Plan::begin(&["b", "a", "c"], &[false; 3], &[]);
    assert_eq!(wave, [0, 1, 2]);
    assert_eq!(
        plan.record_answers(wave.into_iter().map(|i| (i, ADMITTED)), time(5)),
        Next::Admitted
    );
}

#[test]
fn who_refused_last_is_asked_first_and_alone() {
    let (mut plan, wave) = Plan::begin(&["b", "a", "c"], &[false, false, true], &[]);
    assert_eq!(wave, [2]);
    let unasked = Round {
        unasked: vec![0, 1],
        ..Round::default()
    };
    assert_eq!(
        plan.record_answers([(2, REFUSED)], time(5)),
        Next::Refused(unasked)
    );
    let (mut plan, _) = Plan::begin(&["b", "a", "c"], &[false, false, true], &[]);
    assert_eq!(
        plan.record_answers([(2, ADMITTED)], time(5)),
        Next::Ask(vec![0, 1])
    );
    let round = Round {
        charged: vec![0, 2],
        ..Round::default()
    };
    assert_eq!(
        plan.record_answers([(0, ADMITTED), (1, REFUSED)], time(9)),
        Next::Refused(round)
    );
}

#[test]
fn what_is_contended_is_asked_once_more_by_name_and_then_final() {
    let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2], &[]);
    let round = Round {
        charged: vec![0],
        ..Round::default()
    };
    assert_eq!(
        plan.record_answers([(0, ADMITTED), (1, CONTENDED)], time(5)),
        Next::Again(round)
    );
    assert_eq!(plan.ask_again(time(7)), Next::Ask(vec![1]));
    assert_eq!(
        plan.record_answers([(1, ADMITTED)], time(9)),
        Next::Ask(vec![0])
    );
    let round = Round {
        charged: vec![1],
        ..Round::default()
    };
    assert_eq!(
        plan.record_answers([(0, CONTENDED)], time(12)),
        Next::Refused(round)
    );
}

#[test]
fn it_is_not_asked_again_where_one_refuses_for_good_or_time_is_short() {
    let answers = [(0, CONTENDED), (1, REFUSED)];
    let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2], &[]);
    assert_eq!(
        plan.record_answers(answers, time(5)),
        Next::Refused(Round::default())
    );
    // Two more messages after one, or three where something is to be taken back first.
    for (first, elapsed, again) in [
        (CONTENDED, 333, true),
        (CONTENDED, 334, false),
        (ADMITTED, 250, true),
        (ADMITTED, 251, false),
        (CONTENDED, 1_001, false),
    ] {
        let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2], &[]);
        let next = plan.record_answers([(0, first), (1, CONTENDED)], time(elapsed));
        assert_eq!(matches!(next, Next::Again(_)), again, "{elapsed}");
    }
}

#[test]
fn where_taking_back_took_too_long_the_first_answers_are_final() {
    for (elapsed, next) in [
        (500, Next::Ask(vec![1])),
        (501, Next::Refused(Round::default())),
    ] {
        let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2], &[]);
        plan.record_answers([(0, ADMITTED), (1, CONTENDED)], time(5));
        assert_eq!(plan.ask_again(time(elapsed)), next);
    }
    assert_eq!(time(1_001).left(), Duration::from_millis(1));
}

#[test]
fn a_refusal_stands_where_its_object_falls_silent() {
    const SILENT: ObjectAnswer = ObjectAnswer {
        charged: Charged::Perhaps,
        verdict: Verdict::Refused,
    };
    let (mut plan, _) = Plan::begin(&["b", "a"], &[false; 2], &[]);
    assert!(!plan.keeps_refusal(0) && !plan.keeps_refusal(1));
    plan.record_answers([(0, ADMITTED), (1, CONTENDED)], time(5));
    plan.ask_again(time(7));
    assert!(!plan.keeps_refusal(0) && plan.keeps_refusal(1));
    let round = Round {
        silent: vec![1],
        unasked: vec![0],
        ..Round::default()
    };
    assert_eq!(
        plan.record_answers([(1, SILENT)], time(900)),
        Next::Refused(round)
    );
}

#[test]
fn who_only_gives_back_is_asked_when_all_others_have_admitted() {
    let begin = || {
        Plan::begin(
            &["a", "b", "c"],
            &[true, false, false],
            &[true, false, false],
        )
    };
    let (mut plan, wave) = begin();
    assert_eq!(wave, [1, 2]);
    let round = Round {
        charged: vec![1],
        unasked: vec![0],
        ..Round::default()
    };
    assert_eq!(
        plan.record_answers([(1, ADMITTED), (2, REFUSED)], time(5)),
        Next::Refused(round)
    );
    let (mut plan, _) = begin();
    plan.record_answers([(1, ADMITTED), (2, CONTENDED)], time(5));
    assert_eq!(plan.ask_again(time(7)), Next::Ask(vec![1]));
    let mut next = |index| plan.record_answers([(index, ADMITTED)], time(9));
    assert_eq!(next(1), Next::Ask(vec![2]));
    assert_eq!(next(2), Next::Ask(vec![0]));
    assert_eq!(next(0), Next::Admitted);
}
