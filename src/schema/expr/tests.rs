use super::{canonical, is_literal, lexer};

#[test]
fn both_servers_print_one_form() {
    // (MySQL's INFORMATION_SCHEMA, MariaDB's, canonical)
    let table = [
        ("(`n` >= 0)", "`n` >= 0", "`n` >= 0"),
        (
            r"((`n` >= 0) and ((`nn` > 1) or (`nn` < -(5))))",
            "`n` >= 0 and (`nn` > 1 or `nn` < -5)",
            "`n` >= 0 and (`nn` > 1 or `nn` < -5)",
        ),
        (
            "(length(`code`) > 2)",
            "octet_length(`code`) > 2",
            "length(`code`) > 2",
        ),
        (
            r"concat(`code`,_utf8mb4\' \',`s`)",
            "concat(`code`,' ',`s`)",
            "concat(`code`, ' ', `s`)",
        ),
        (r"(`s` = _utf8mb4\'it\\\'s\')", r"`s` = 'it\'s'", "`s` = 'it''s'"),
        (
            "((`c3` between 1 and 10) and (`c3` in (1,2,3)) and (`c3` is not null) and (`c3` <> 7))",
            "`c3` between 1 and 10 and `c3` in (1,2,3) and `c3` is not null and `c3` <> 7",
            "`c3` between 1 and 10 and `c3` in (1, 2, 3) and `c3` is not null and `c3` <> 7",
        ),
        ("(`id2` + 1)", "`id2` + 1", "`id2` + 1"),
        ("((`a` + `b`) * `c`)", "(`a` + `b`) * `c`", "(`a` + `b`) * `c`"),
        ("(`a` - (`b` - `c`))", "`a` - (`b` - `c`)", "`a` - (`b` - `c`)"),
        ("((`a` - `b`) - `c`)", "`a` - `b` - `c`", "`a` - `b` - `c`"),
        ("(not((`a` and `b`)))", "not (`a` and `b`)", "not (`a` and `b`)"),
        ("now()", "current_timestamp()", "current_timestamp()"),
        ("CURRENT_TIMESTAMP", "current_timestamp()", "current_timestamp()"),
        ("(`a` is true)", "`a` is true", "`a` is true"),
        (
            "(case when (`a` = 1) then (`b` or `c`) else -(1) end)",
            "case when `a` = 1 then `b` or `c` else -1 end",
            "case when `a` = 1 then `b` or `c` else -1 end",
        ),
        (
            "(cast(`d` as date) > (curdate() - interval 1 day))",
            "cast(`d` as date) > curdate() - interval 1 day",
            "cast(`d` as date) > curdate() - interval 1 day",
        ),
    ];
    for (mysql, mariadb, expected) in table {
        assert_eq!(canonical(mysql, "k"), expected, "{mysql}");
        assert_eq!(canonical(mariadb, "k"), expected, "{mariadb}");
        assert_eq!(canonical(expected, "k"), expected, "stays as it is");
    }
}

#[test]
fn views_lose_their_database_and_needless_parentheses() {
    let mysql = "select `k`.`p`.`id` AS `id`,count(0) AS `n` from (`k`.`p` left join `k`.`c` on(((`k`.`c`.`pid` = `k`.`p`.`id`) and ((`k`.`c`.`id` > 1) or (`k`.`c`.`self` is null))))) where ((`k`.`p`.`n` > 1.5) and exists(select 1 from `k`.`c`))";
    let mariadb = "select `k`.`p`.`id` AS `id`,count(0) AS `n` from (`k`.`p` left join `k`.`c` on(`k`.`c`.`pid` = `k`.`p`.`id` and (`k`.`c`.`id` > 1 or `k`.`c`.`self` is null))) where `k`.`p`.`n` > 1.5 and exists(select 1 from `k`.`c` limit 1)";
    let expected = "select `p`.`id` as `id`, count(0) as `n` from `p` left join `c` on `c`.`pid` = `p`.`id` and (`c`.`id` > 1 or `c`.`self` is null) where `p`.`n` > 1.5 and exists (select 1 from `c`)";
    assert_eq!(canonical(mysql, "k"), expected);
    assert_eq!(canonical(mariadb, "k"), expected);
}

#[test]
fn an_alias_in_order_by_wins_over_what_it_stands_for() {
    let mysql = "select `k`.`p`.`id` AS `id`,count(0) AS `n` from `k`.`p` order by `n` desc,`id` limit 5";
    let mariadb = "select `k`.`p`.`id` AS `id`,count(0) AS `n` from `k`.`p` order by count(0) desc,`k`.`p`.`id` limit 5";
    assert_eq!(canonical(mysql, "k"), canonical(mariadb, "k"));
    assert!(canonical(mysql, "k").ends_with("order by `n` desc, `id` limit 5"));
}

#[test]
fn joins_keep_the_parentheses_that_matter() {
    let text = "select 1 from (`a` left join (`b` join `c` on(`b`.`x` = `c`.`x`)) on(`a`.`x` = `b`.`x`))";
    let expected = "select 1 from `a` left join (`b` join `c` on `b`.`x` = `c`.`x`) on `a`.`x` = `b`.`x`";
    assert_eq!(canonical(text, "k"), expected);
}

#[test]
fn what_is_not_an_expression_stays() {
    for text in ["a /* note */ b", "'open", "(a", "a)"] {
        assert_eq!(canonical(text, "k"), text);
    }
}

#[test]
fn literals_are_told_from_expressions() {
    for text in ["'x'", "1.5", "-1", "null", "b'101'", "0x6162", "'it''s'"] {
        assert!(is_literal(text), "{text}");
    }
    for text in ["uuid()", "current_timestamp()", "1 + 1", "(1)"] {
        assert!(!is_literal(text), "{text}");
    }
}

#[test]
fn quoting_and_reading_are_inverse() {
    for text in ["", "it's", "a\\b", "x\0y", "line\nbreak\r\u{1a}", "\"q\"", "ünï"] {
        assert_eq!(lexer::literal_value(&lexer::quote(text)).as_deref(), Some(text));
    }
}
