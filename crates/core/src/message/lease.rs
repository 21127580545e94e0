//! The text of what borrowers and lenders tell: fields of a call and of a decision. An object of a
//! build from before passes over them and lends nothing, and so does a Worker that has borrowed
//! nothing.

use super::duration;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::lease::{Borrowing, Loan, Returned, Terms};
use crate::Duration;

/// The fields of a call that borrows.
pub(super) fn borrowing_text(it: &Borrowing) -> String {
    let mut text = format!(
        "borrower={:x} lease={} turn={} spent={} left={} life={}",
        it.borrower,
        it.number,
        it.turn,
        it.spent,
        it.left,
        it.terms.life().as_millis(),
    );
    let mut put = |key: &str, value: Option<u64>| {
        if let Some(value) = value {
            text.push_str(&format!(" {key}={value}"));
        }
    };
    put("before", it.before);
    put("most", it.terms.max());
    put("wants", it.wants.then_some(1));
    text
}

/// Reads them; `None` where the call borrows nothing.
pub(super) fn get_borrowing(line: &Line) -> Result<Option<Borrowing>, Unreadable> {
    if !line.flag("borrower") {
        return Ok(None);
    }
    let terms = Terms::new(line.number("most")?, duration(line, "life")?);
    Ok(Some(Borrowing {
        borrower: borrower(line)?,
        number: line.needed("lease")?,
        turn: line.needed("turn")?,
        spent: line.needed("spent")?,
        left: line.needed("left")?,
        before: line.number("before")?,
        wants: line.flag("wants"),
        terms: terms.map_err(|_| Unreadable::Damaged("lease"))?,
    }))
}

fn borrower(line: &Line) -> Result<u64, Unreadable> {
    let borrower = line.get("borrower");
    let borrower = borrower.and_then(|text| u64::from_str_radix(text, 16).ok());
    borrower.ok_or(Unreadable::Damaged("borrower"))
}

pub(super) fn put_returned(line: LineWriter, it: &Returned) -> LineWriter {
    line.put("borrower", format_args!("{:x}", it.borrower))
        .put("lease", it.number)
        .put("spent", it.spent)
}

pub(super) fn get_returned(line: &Line) -> Result<Returned, Unreadable> {
    Ok(Returned {
        borrower: borrower(line)?,
        number: line.needed("lease")?,
        spent: line.needed("spent")?,
    })
}

pub(super) fn put_loan(line: LineWriter, loan: Option<&Loan>) -> LineWriter {
    match loan {
        Some(loan) => line
            .put("loan", loan.units)
            .put("loanLife", loan.life.as_millis()),
        None => line,
    }
}

pub(super) fn get_loan(line: &Line) -> Result<Option<Loan>, Unreadable> {
    let Some(units) = line.number("loan")? else {
        return Ok(None);
    };
    let life = Duration::from_millis(line.needed("loanLife")?);
    Ok(Some(Loan { units, life }))
}
