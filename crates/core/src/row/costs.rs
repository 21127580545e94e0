//! Costs by name, as they stand in rows and messages: `costs=tokens:500,cents:3`.

use super::items;
use crate::codec::{Line, LineWriter, Unreadable};
use crate::limit::{Costs, Name, Real};

/// Costs as the value of a field.
pub fn costs_text(costs: &Costs) -> String {
    let text = |(name, cost): &(Name, u64)| format!("{}:{cost}", name.as_str());
    let texts: Vec<String> = costs.iter().map(text).collect();
    texts.join(",")
}

/// The costs of a line; none where it has none.
pub fn get_costs(line: &Line) -> Result<Costs, Unreadable> {
    let read = |text: &str| {
        let (name, cost) = text.rsplit_once(':')?;
        Some((Name::stored("costs", name).ok()?, cost.parse().ok()?))
    };
    let costs = items(line, "costs").map(read).collect::<Option<_>>();
    costs.map(Costs::new).ok_or(Unreadable::Damaged("costs"))
}

/// Adds a real cost to a line.
pub fn put_real(line: LineWriter, real: &Real) -> LineWriter {
    let costs = (!real.costs.is_empty()).then(|| costs_text(&real.costs));
    line.put_some("cost", real.cost).put_some("costs", costs)
}

/// Adds the names of limits to a line, where they are known.
pub(crate) fn put_limit_names(line: LineWriter, names: Option<&[String]>) -> LineWriter {
    line.put_some("limits", names.map(|names| names.join(",")))
}

/// Reads what [`put_limit_names`] wrote.
pub(crate) fn get_limit_names(line: &Line) -> Result<Option<Vec<String>>, Unreadable> {
    let is_name = |name: &str| Name::stored("limits", name).is_ok();
    let names: Vec<String> = items(line, "limits").map(str::to_owned).collect();
    if !names.iter().all(|name| is_name(name)) {
        return Err(Unreadable::Damaged("limits"));
    }
    Ok(line.flag("limits").then_some(names))
}

/// Reads what [`put_real`] wrote.
pub fn get_real(line: &Line) -> Result<Real, Unreadable> {
    Ok(Real {
        cost: line.number("cost")?,
        costs: get_costs(line)?,
    })
}
