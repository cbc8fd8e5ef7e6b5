use super::*;

#[test]
fn marks_are_those_of_their_tools() {
    use FilePart::{Down, Up};
    let part = |comment: &str| match mark(comment, None) {
        Some((layout, LayoutMark::Part(part))) => Some((layout.name, part)),
        _ => None,
    };
    for (comment, expected) in [
        ("-- migrate:up", ("dbmate", Up)),
        ("-- migrate:up transaction:false", ("dbmate", Up)),
        ("# migrate:down", ("dbmate", Down)),
        ("--migrate:down", ("dbmate", Down)),
        ("-- +goose Up", ("goose", Up)),
        ("--  +goose down  ", ("goose", Down)),
        ("--+goose Down", ("goose", Down)),
        ("-- +migrate Up notransaction", ("sql-migrate", Up)),
        ("-- +migrate Down", ("sql-migrate", Down)),
        ("-- rambler down", ("rambler", Down)),
        ("--//@UNDO", ("MyBatis Migrations", Down)),
        ("-- //@UNDO", ("MyBatis Migrations", Down)),
        ("-- @undo", ("MyBatis Migrations", Down)),
    ] {
        assert_eq!(part(comment), Some(expected), "{comment}");
    }
    for comment in [
        "-- + goose Up",
        "-- migrate the users",
        "-- // create users",
        "-- +gooseUp",
        "-- rollback",
    ] {
        assert_eq!(part(comment), None, "{comment}");
    }
}

#[test]
fn what_a_layout_has_and_dbtool_does_not_do_is_refused() {
    let refused = |comment: &str, known| matches!(mark(comment, known), Some((_, LayoutMark::Refused(_))));
    for comment in [
        "-- migrate:donw",
        "-- +goose ENVSUB ON",
        "-- +goose Dwon",
        "-- +migrate Sideways",
        "-- //@DELIMITER $$",
    ] {
        assert!(refused(comment, None), "{comment}");
    }
    let liquibase = mark("--liquibase formatted sql", None).map(|(layout, _)| layout);
    for comment in [
        "--changeset a:1 context:test",
        "--changeset a:1 dbms:postgresql",
        "--changeset a:1 endDelimiter://",
        "--preconditions onFail:MARK_RAN",
        "--property name:x value:y",
    ] {
        assert!(refused(comment, liquibase), "{comment}");
        assert!(!refused(comment, None), "{comment}");
    }
    for comment in [
        "--changeset a:1",
        "--changeset a:1 dbms:mysql,h2 runOnChange:false stripComments:true",
        "--rollback DROP TABLE t;",
        "--comment what it does",
    ] {
        assert!(!refused(comment, liquibase), "{comment}");
    }
}

#[test]
fn headings_of_unknown_formats_are_suspicious_and_remarks_are_not() {
    use Suspicion::{Heading, Remark};
    let cases: &[(&str, Option<Suspicion>)] = &[
        ("-- DOWN", Some(Heading)),
        ("-- down", Some(Heading)),
        ("--down", Some(Heading)),
        ("# Down", Some(Heading)),
        ("/* UNDO */", Some(Heading)),
        ("-- rollback", Some(Heading)),
        ("-- Roll back:", Some(Heading)),
        ("-- ==== DOWN ====", Some(Heading)),
        ("------- Rollback -------", Some(Heading)),
        ("# --- !Downs", Some(Heading)),
        ("-- !Downs", Some(Heading)),
        ("-- @DOWN", Some(Heading)),
        ("--@UNDO", Some(Heading)),
        ("-- +tool Down", Some(Heading)),
        ("-- tool:rollback", Some(Heading)),
        ("-- [down]", Some(Heading)),
        ("-- Down migration", Some(Heading)),
        ("-- Rollback SQL", Some(Heading)),
        ("-- undo:", Some(Heading)),
        ("-- Begin rollback script", Some(Heading)),
        ("---- create above / drop below ----", Some(Heading)),
        ("-- DROP BELOW", Some(Heading)),
        ("-- DOWN MIGRATION (for rollback only)", Some(Heading)),
        ("-- Down (drops the table)", Some(Heading)),
        ("-- To undo this migration:", Some(Heading)),
        ("-- how to roll back:", Some(Heading)),
        ("-- undo: drop the column", Some(Remark)),
        ("-- Rollback: not possible", Some(Remark)),
        ("-- down - drops the table", Some(Remark)),
        ("-- scale down the replicas", None),
        ("-- scale down", None),
        ("-- undo the damage of 004", None),
        ("-- roll back if this fails", None),
        ("-- breakdown", None),
        ("-- reverse the order of the names", None),
        ("-- migration", None),
        ("-- Up", None),
        ("-- the down payment", None),
        ("-- rows that are dropped below", None),
        ("-- to undo the damage of 004 (see the wiki)", None),
    ];
    for (comment, expected) in cases {
        assert_eq!(suspicion(comment), *expected, "{comment}");
    }
}
