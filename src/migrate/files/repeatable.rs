//! The order in which repeatable migrations run: a view after those that it reads.

use std::collections::HashMap;

use super::{Direction, Migration};
use crate::cancel::Cancel;
use crate::sql::{ObjectEffect, SplitOptions, classify};

/// Puts each behind the ones whose objects it mentions, else in the order of their names. Two that need each other stay
/// in the order of their names.
///
/// # Errors
/// The run was cancelled.
pub(super) fn order(
    migrations: &mut [Migration],
    options: SplitOptions,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let first = migrations
        .iter()
        .position(|migration| migration.version.is_repeatable())
        .unwrap_or(migrations.len());
    let repeatable = &mut migrations[first..];
    repeatable.sort_by(|one, other| one.name.cmp(&other.name));
    let mut made: Vec<Vec<String>> = Vec::new();
    for migration in repeatable.iter() {
        let mut names = Vec::new();
        each_statement(migration, options, cancel, |text| {
            let objects = classify(text).objects.into_iter();
            let created = objects.filter(|object| object.effect == ObjectEffect::Create);
            names.extend(created.map(|object| object.name.name.to_lowercase()));
        })?;
        made.push(names);
    }
    // What is surely needed, and what perhaps: a column may have a view's name.
    let mut needs: Vec<[Vec<usize>; 2]> = Vec::new();
    for (index, migration) in repeatable.iter().enumerate() {
        let mut needed = [Vec::new(), Vec::new()];
        each_statement(migration, options, cancel, |text| {
            let words = words(text);
            for (other, names) in made.iter().enumerate().filter(|(other, _)| *other != index) {
                for name in names {
                    match words.get(name) {
                        Some(true) => needed[0].push(other),
                        Some(false) => needed[1].push(other),
                        None => {}
                    }
                }
            }
        })?;
        needs.push(needed);
    }
    let mut left: Vec<usize> = (0..repeatable.len()).collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let free = |needed: &[usize]| needed.iter().all(|needed| !left.contains(needed));
        let certain = |index: &usize| free(&needs[*index][0]);
        let ready = |index: &usize| certain(index) && free(&needs[*index][1]);
        let next = left.iter().position(ready);
        let next = next.or_else(|| left.iter().position(certain)).unwrap_or(0);
        ordered.push(left.remove(next));
    }
    let sorted: Vec<Migration> = ordered
        .into_iter()
        .map(|index| std::mem::take(&mut repeatable[index]))
        .collect();
    for (place, migration) in repeatable.iter_mut().zip(sorted) {
        *place = migration;
    }
    Ok(())
}

/// The words of a statement in lower case, and whether each stands where the name of an object does.
fn words(text: &str) -> HashMap<String, bool> {
    const BEFORE: [&str; 6] = ["from", "join", "straight_join", "call", "update", "into"];
    let in_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let text = text.to_lowercase();
    let mut found = HashMap::new();
    // The word before, or the one before the database in `database.name`.
    let (mut before, mut rest) = ("", text.as_str());
    while let Some(start) = rest.find(in_word) {
        let qualified = rest[..start].trim_matches(['`', ' ']) == ".";
        let after = &rest[start..];
        let end = after.find(|c| !in_word(c)).unwrap_or(after.len());
        let word = &after[..end];
        rest = &after[end..];
        let called = rest.trim_start_matches('`').trim_start().starts_with('(');
        let object = called || BEFORE.contains(&before);
        *found.entry(word.to_owned()).or_insert(false) |= object;
        let next_is_name = rest.trim_start_matches(['`', ' ']).starts_with('.');
        if !qualified && !next_is_name {
            before = word;
        }
    }
    found
}

/// Visits the statements of a migration. What is wrong with its file is reported when it is to run.
fn each_statement(
    migration: &Migration,
    options: SplitOptions,
    cancel: &Cancel,
    mut visit: impl FnMut(&str),
) -> anyhow::Result<()> {
    let Ok(mut reader) = migration.script(Direction::Up, options).open() else {
        return Ok(());
    };
    while let Ok(Some(statement)) = reader.next() {
        cancel.check()?;
        visit(&statement.text);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn names_of_objects_are_told_from_other_words() {
        let text = "CREATE VIEW v AS SELECT a, f (b) FROM `app`.`t` JOIN u ON u.c = app.t.d";
        let words = words(text);
        for (word, object) in [
            ("a", false),
            ("b", false),
            ("f", true),
            ("t", true),
            ("u", true),
            ("d", false),
        ] {
            assert_eq!(words.get(word), Some(&object), "{word}");
        }
    }
}
