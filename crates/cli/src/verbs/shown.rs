//! What the verbs print.

use crate::plan::Step;
use crate::terminal::shown;
use crate::tree::Tree;

/// The steps of a plan.
pub(super) fn plan(steps: &[Step], is_json: bool) {
    if is_json {
        let steps = Tree::List(steps.iter().map(of_step).collect());
        let json = Tree::Fields(vec![("steps".to_owned(), steps)]);
        println!("{}", shown(&json.to_string()));
        return;
    }
    if steps.is_empty() {
        println!("Nothing is to be changed.");
    }
    for step in steps {
        println!("{} {}", step.action.word(), shown(&step.name));
        if let Some(why) = &step.held {
            println!("  ! {}", shown(why));
        }
        for (path, before, after) in &step.fields {
            let [before, after] = [before, after].map(|it| it.as_deref().unwrap_or("-"));
            println!("    {}", shown(&format!("{path}: {before} -> {after}")));
        }
    }
}

/// How many policies something was done with.
pub(super) fn count(done: &str, policies: usize, is_json: bool) {
    match is_json {
        true => println!("{{\"{done}\":{policies}}}"),
        false => println!("{policies} policies {done}"),
    }
}

fn of_step(step: &Step) -> Tree {
    let text = |text: &str| Tree::Text(text.to_owned());
    let json = |json: &Option<String>| Tree::Bare(json.clone().unwrap_or("null".to_owned()));
    let fields = step.fields.iter().map(|(path, before, after)| {
        let pairs = [
            ("field", text(path)),
            ("before", json(before)),
            ("after", json(after)),
        ];
        Tree::Fields(pairs.map(|(name, it)| (name.to_owned(), it)).into())
    });
    let mut pairs = vec![
        ("name", text(&step.name)),
        ("action", text(step.action.word())),
    ];
    if let Some(version) = step.version {
        pairs.push(("version", Tree::Bare(version.to_string())));
    }
    if let Some(why) = &step.held {
        pairs.push(("held", text(why)));
    }
    pairs.push(("fields", Tree::List(fields.collect())));
    Tree::Fields(
        pairs
            .into_iter()
            .map(|(name, it)| (name.to_owned(), it))
            .collect(),
    )
}
