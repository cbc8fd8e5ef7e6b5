use super::*;

#[test]
fn a_record_is_data_and_never_a_statement() {
    for (value, sql) in [
        (SavedValue::Int("-5".into()), "-5"),
        (SavedValue::Unsigned("5".into()), "CAST(5 AS UNSIGNED)"),
        (SavedValue::Double("0.1".into()), "0.1e0"),
        (SavedValue::Double("1e300".into()), "1e300"),
        (SavedValue::Decimal("1.50".into()), "1.50"),
        (SavedValue::Int("1; DROP TABLE t".into()), "NULL"),
        (
            SavedValue::Text("4142".into(), "utf8mb4".into(), "utf8mb4_bin".into()),
            "_utf8mb4 X'4142' COLLATE utf8mb4_bin",
        ),
        (
            SavedValue::Text("00".into(), "binary".into(), "binary".into()),
            "_binary X'00'",
        ),
        (
            SavedValue::Text("41' OR '".into(), "utf8mb4".into(), "utf8mb4_bin".into()),
            "NULL",
        ),
        (
            SavedValue::Text("41".into(), "utf8mb4".into(), "x, @b = 1".into()),
            "NULL",
        ),
        (SavedValue::Null, "NULL"),
    ] {
        assert_eq!(literal(&value), sql);
    }
}

#[test]
fn a_state_survives_its_record() {
    let mut state = SavedSession {
        database: Some("other".into()),
        last_insert_id: 7,
        ..SavedSession::default()
    };
    state.user.insert("a".into(), SavedValue::Unsigned("5".into()));
    state.prepared.insert("s".into(), "SELECT 1".into());
    let text = state.to_text();
    assert_eq!(SavedSession::parse(text.as_deref()), state);
    assert_eq!(SavedSession::default().to_text(), None);
    assert_eq!(SavedSession::parse(Some("no json")), SavedSession::default());
    assert_eq!(state.executed("EXECUTE s").as_deref(), Some("SELECT 1"));
}
