//! The order in which repeatable migrations run: a view after those that it reads.

use std::collections::HashSet;

use super::{Direction, Migration};
use crate::cancel::Cancel;
use crate::sql::{ObjectEffect, SplitOptions, classify};

/// Puts those that are to run behind the ones whose objects they mention, else in the order of their names. Two that
/// need each other stay in the order of their names.
///
/// # Errors
/// A file cannot be read; the run was cancelled.
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
    let mut needs: Vec<Vec<usize>> = Vec::new();
    for (index, migration) in repeatable.iter().enumerate() {
        let mut needed = Vec::new();
        each_statement(migration, options, cancel, |text| {
            let text = text.to_lowercase();
            let words: HashSet<&str> = text
                .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
                .collect();
            for (other, names) in made.iter().enumerate() {
                let own = other == index || needed.contains(&other);
                if !own && names.iter().any(|name| words.contains(name.as_str())) {
                    needed.push(other);
                }
            }
        })?;
        needs.push(needed);
    }
    let mut left: Vec<usize> = (0..repeatable.len()).collect();
    let mut ordered = Vec::new();
    while !left.is_empty() {
        let ready = |index: &usize| needs[*index].iter().all(|needed| !left.contains(needed));
        let next = left.iter().position(ready).unwrap_or(0);
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

/// Visits the statements of one that is to run; others need no order.
fn each_statement(
    migration: &Migration,
    options: SplitOptions,
    cancel: &Cancel,
    mut visit: impl FnMut(&str),
) -> anyhow::Result<()> {
    if migration.outline.is_none() {
        return Ok(());
    }
    let mut reader = migration.script(Direction::Up, options).open()?;
    while let Some(statement) = reader.next()? {
        cancel.check()?;
        visit(&statement.text);
    }
    Ok(())
}
