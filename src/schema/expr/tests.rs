use super::{canonical, is_literal, lexer, with_columns};
use crate::schema::model::Symbol;

/// What MySQL and MariaDB print has the canonical form, and that stays as it is.
#[track_caller]
fn become_one(table: &[(&str, &str, &str)]) {
    for (mysql, mariadb, expected) in table {
        for text in [mysql, mariadb, expected] {
            assert_eq!(canonical(text, "k"), *expected, "{text}");
        }
    }
}

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
        (
            "((0 <> `a`) and (0 <> `b`))",
            "`a` <> 0 and `b` <> 0",
            "`a` <> 0 and `b` <> 0",
        ),
        (
            "((0 <> `a`) or (0 <> NULL))",
            "`a` <> 0 or NULL",
            "`a` <> 0 or null",
        ),
        ("((0 <> `a`) xor (0 <> `b`))", "`a` xor `b`", "`a` xor `b`"),
        ("((0 <> `a`) is not true)", "`a` is not true", "`a` is not true"),
        ("(0 = length(`a`))", "!octet_length(`a`)", "length(`a`) = 0"),
        ("(`a` > (0 = `b`))", "`a` > (0 = `b`)", "`a` > (`b` = 0)"),
        (
            r"(not((`a` like _utf8mb4\'x\')))",
            "`a` not like 'x'",
            "`a` not like 'x'",
        ),
        (
            r"(not(regexp_like(`a`,_utf8mb4\'x\')))",
            "!(`a` regexp 'x')",
            "`a` not regexp 'x'",
        ),
        (
            "(not(((`a` like `b`) = `c`)))",
            "!(`a` like `b` = `c`)",
            "not `a` like `b` = `c`",
        ),
        (
            "`a` in (select `b` from `t`) is false",
            "!(`a` in (select `b` from `t`))",
            "`a` not in (select `b` from `t`)",
        ),
        (
            "(not exists(select 1 from `t`))",
            "!exists(select 1 from `t` limit 1)",
            "not exists (select 1 from `t`)",
        ),
        (
            "lag(`a`) OVER (ORDER BY `b` )",
            "lag(`a`,1) over ( order by `b`)",
            "lag(`a`) over (order by `b`)",
        ),
        ("week(`a`,0)", "week(`a`)", "week(`a`)"),
    ];
    become_one(&table);
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
fn selects_of_both_servers_become_one() {
    // (MySQL's INFORMATION_SCHEMA, MariaDB's, canonical)
    let table = [
        (
            "select 1 AS `x` from `t` where (0 <> `t`.`a`)",
            "select 1 AS `x` from `t` where `t`.`a` is true",
            "select 1 as `x` from `t` where `t`.`a` <> 0",
        ),
        (
            "select rank() OVER `w` AS `x` from `t` window `w` AS (PARTITION BY `a` ) ",
            "select rank() over ( partition by `a`) AS `x` from `t`",
            "select rank() over (partition by `a`) as `x` from `t`",
        ),
        (
            "with `Sum` (`a`) as (select 1 AS `a`) select `Sum`.`a` AS `a` from `Sum`",
            "with Sum(`a`) as (select 1 AS `a`)select `Sum`.`a` AS `a` from `Sum`",
            "with `Sum`(`a`) as (select 1 as `a`) select `Sum`.`a` as `a` from `Sum`",
        ),
        (
            "select `a` AS `b`,count(0) AS `n` from `t` group by `a` order by `n`,`b` desc",
            "select `a` AS `b`,count(0) AS `n` from `t` group by 1 order by 2,`a` desc",
            "select `a` as `b`, count(0) as `n` from `t` group by `a` order by `n`, `b` desc",
        ),
        (
            "select 1 AS `x` union all select 2 AS `2`",
            "(select 1 AS `x`) union all (select 2 AS `2`)",
            "select 1 as `x` union all select 2 as `2`",
        ),
    ];
    become_one(&table);
    let branches = "(select 1 as `x` order by `x` limit 1) union select 2 as `2`";
    assert_eq!(
        canonical(branches, "k"),
        branches,
        "a limit of its own needs its parentheses"
    );
}

#[test]
fn a_view_takes_the_names_of_its_columns() {
    let select = "with `q` as (select 1 as `x`) select `q`.`x` as `x`, count(0) as `n` from `q`";
    let names = [Symbol::new("a"), Symbol::new("b")];
    let renamed = "with `q` as (select 1 as `x`) select `q`.`x` as `a`, count(0) as `b` from `q`";
    assert_eq!(with_columns(select, &names), renamed);
    assert_eq!(
        with_columns(select, &names[..1]),
        select,
        "another number of columns"
    );
}

/// What MySQL and MariaDB print for one condition, and its form.
#[test]
fn conditions_mean_what_was_written() {
    let table = [
        (
            "select 1 AS `a` from `t` where ((`t`.`f` & 4) <> 0)",
            "select 1 AS `a` from `t` where `t`.`f` & 4",
            "select 1 as `a` from `t` where `t`.`f` & 4",
        ),
        (
            "select 1 AS `a` from `t` where ((`t`.`a` <> 0) and (length(`t`.`s`) <> 0))",
            "select 1 AS `a` from `t` where `t`.`a` <> 0 and octet_length(`t`.`s`)",
            "select 1 as `a` from `t` where `t`.`a` <> 0 and length(`t`.`s`)",
        ),
        (
            "select 1 AS `a` from `t` where (left(`t`.`s`,1) <> 0)",
            "select 1 AS `a` from `t` where left(`t`.`s`,1)",
            "select 1 as `a` from `t` where LEFT(`t`.`s`, 1)",
        ),
        (
            "((`a` in (1,2)) % (`b` | 1))",
            "(`a` in (1,2)) MOD (`b` | 1)",
            "(`a` in (1, 2)) % (`b` | 1)",
        ),
        ("((`a` = 0) like `b`)", "(`a` = 0) like `b`", "(`a` = 0) like `b`"),
        (
            "(`a` = (`b` like `c`))",
            "`a` = `b` like `c`",
            "`a` = `b` like `c`",
        ),
        ("((`a` is null) = `b`)", "`a` is null = `b`", "`a` is null = `b`"),
        (
            "((`a` is not true) = `b`)",
            "(`a` is not true) = `b`",
            "(`a` is not true) = `b`",
        ),
        (
            "(`a` between (`b` in (1,2)) and 3)",
            "`a` between (`b` in (1,2)) and 3",
            "`a` between (`b` in (1, 2)) and 3",
        ),
        ("(1 is null)", "/*always not null*/ 1 is null", "1 is null"),
        (
            "((not (case when `a` then 1 else 0 end)) * 2)",
            "(!case when `a` then 1 else 0 end) * 2",
            "(not case when `a` then 1 else 0 end) * 2",
        ),
        (
            "select 1 AS `a` from `t` where (case when `a` then (case `b` when 1 then 2 end) end <> 0)",
            "select 1 AS `a` from `t` where case when `a` then case `b` when 1 then 2 end end",
            "select 1 as `a` from `t` where case when `a` then case `b` when 1 then 2 end end",
        ),
    ];
    become_one(&table);
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

#[test]
fn queries_are_settled_wherever_they_stand() {
    // (MySQL's, MariaDB's, canonical)
    let table = [
        (
            "select year(`t`.`d`) AS `y` from `t` group by `y` order by `y`",
            "select year(`t`.`d`) AS `y` from `t` group by year(`t`.`d`) order by year(`t`.`d`)",
            "select year(`t`.`d`) as `y` from `t` group by year(`t`.`d`) order by `y`",
        ),
        (
            "select distinct `t`.`a` AS `a` from `t` group by `t`.`a`,`t`.`b`",
            "select distinct `t`.`a` AS `a` from `t` group by 1,`t`.`b`",
            "select distinct `t`.`a` as `a` from `t` group by `t`.`a`, `t`.`b`",
        ),
        (
            "select `x`.`m` AS `m` from (select month(`t`.`d`) AS `m` from `t` group by `m`) `x`",
            "select `x`.`m` AS `m` from (select month(`t`.`d`) AS `m` from `t` group by month(`t`.`d`)) `x`",
            "select `x`.`m` as `m` from (select month(`t`.`d`) as `m` from `t` group by month(`t`.`d`)) `x`",
        ),
        (
            "(select `t`.`a` AS `a` from `t` union select 1 AS `1`) union all select 2 AS `2` order by `a`",
            "select `t`.`a` AS `a` from `t` union select 1 AS `1` union all select 2 AS `2` order by 1",
            "select `t`.`a` as `a` from `t` union select 1 as `1` union all select 2 as `2` order by `a`",
        ),
        (
            "select `t`.`a` AS `a` from `t`",
            "(select `t`.`a` AS `a` from `t`)",
            "select `t`.`a` as `a` from `t`",
        ),
        (
            "select 1 AS `a` from `t` use index (`b`) ignore index for join (`a`)",
            "select 1 AS `a` from `t` ignore index for join (`a`) use index (`b`)",
            "select 1 as `a` from `t` ignore index for join (`a`) use index(`b`)",
        ),
        (
            "select 0x AS `a`,0x AS `b`",
            "select x'' AS `a`,b'' AS `b`",
            "select '' as `a`, '' as `b`",
        ),
        // What is bound otherwise stays so.
        (
            "(select 1 AS `a` union select 2 AS `b`) intersect select 3 AS `c`",
            "(select 1 AS `a` union select 2 AS `b`) intersect select 3 AS `c`",
            "(select 1 as `a` union select 2 as `b`) intersect select 3 as `c`",
        ),
        (
            "(select 1 AS `a` union select 2 AS `b` limit 1) union all select 3 AS `c`",
            "(select 1 AS `a` union select 2 AS `b` limit 1) union all select 3 AS `c`",
            "(select 1 as `a` union select 2 as `b` limit 1) union all select 3 as `c`",
        ),
    ];
    become_one(&table);
}

mod arbitrary {
    use proptest::prelude::*;

    use super::super::*;

    const PIECES: &[&str] = &[
        "(",
        ")",
        ",",
        ".",
        "`a`",
        "`shop`",
        "1",
        "0x",
        "-",
        "=",
        "'x'",
        "_utf8mb4'x'",
        "x'00'",
        "b'1'",
        "not",
        "and",
        "is",
        "null",
        "in",
        "between",
        "like",
        "case",
        "when",
        "then",
        "else",
        "end",
        "select",
        "from",
        "where",
        "group by",
        "order by",
        "having",
        "limit",
        "union all",
        "intersect",
        "with",
        "as",
        "join",
        "on",
        "using",
        "desc",
        "cast(",
        "convert(",
        "interval",
        "exists",
        "over",
        "partition by",
        "window",
        "use index",
        "for",
    ];

    /// Anything, closed or not.
    fn noise() -> impl Strategy<Value = String> {
        let piece = prop_oneof![20 => prop::sample::select(PIECES).prop_map(str::to_owned), 1 => ".{0,6}"];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.join(" "))
    }

    /// An expression with as many parentheses as it takes.
    fn expression() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "`a`",
            "`t`.`b`",
            "1",
            "1.5",
            "0x41",
            "'it''s'",
            "_utf8mb4'x'",
            "null",
            "true",
            "current_timestamp()",
        ]);
        leaf.prop_map(str::to_owned).prop_recursive(4, 24, 3, |inner| {
            let two = (inner.clone(), inner.clone());
            let binary = prop::sample::select(vec![
                "+", "-", "*", "/", "div", "%", "and", "or", "xor", "=", "<>", "<=>", "<", "like",
                "not like", "regexp", "|", "&", "<<", "^",
            ]);
            let unary = prop::sample::select(vec!["-", "not ", "!", "~", "binary "]);
            prop_oneof![
                (two.clone(), binary)
                    .prop_map(|((one, other), operator)| format!("({one} {operator} {other})")),
                (unary, inner.clone()).prop_map(|(operator, one)| format!("({operator}{one})")),
                inner.clone().prop_map(|one| format!("({one} is not null)")),
                (two.clone(), inner.clone()).prop_map(|((a, b), c)| format!("({a} between {b} and {c})")),
                (two.clone(), inner.clone()).prop_map(|((a, b), c)| format!("({a} not in ({b},{c}))")),
                (two.clone(), inner.clone())
                    .prop_map(|((a, b), c)| format!("(case when {a} then {b} else {c} end)")),
                two.clone().prop_map(|(a, b)| format!("concat({a},{b})")),
                two.clone().prop_map(|(a, b)| format!("if({a},{b},null)")),
                inner.clone().prop_map(|a| format!("cast({a} as signed)")),
                inner.clone().prop_map(|a| format!("({a} + interval 1 day)")),
                inner.prop_map(|a| format!("(`a` in (select {a} from `u` where {a}))")),
            ]
        })
    }

    fn query() -> impl Strategy<Value = String> {
        let select = (
            prop::collection::vec(expression(), 1..3),
            prop::option::of(expression()),
            prop::option::of(expression()),
            any::<bool>(),
        );
        select.prop_map(|(items, condition, group, order)| {
            let items: Vec<String> = items
                .iter()
                .enumerate()
                .map(|(at, item)| format!("{item} AS `c{at}`"))
                .collect();
            let condition = condition.map_or(String::new(), |condition| format!(" where {condition}"));
            let group = group.map_or(String::new(), |group| format!(" group by {group}"));
            let order = if order { " order by `c0` desc" } else { "" };
            format!(
                "select {} from (`t` join `u` on((`t`.`a` = `u`.`a`))){condition}{group}{order}",
                items.join(",")
            )
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

        #[test]
        fn no_text_is_too_strange(text in noise(), query in any::<bool>()) {
            let text = if query { format!("select {text}") } else { text };
            let once = canonical(&text, "shop");
            with_columns(&once, &[Symbol::new("a"), Symbol::new("b")]);
            names(&once);
        }

        #[test]
        fn what_is_canonical_stays_so(text in prop_oneof![expression(), query()]) {
            let once = canonical(&text, "shop");
            prop_assert_eq!(canonical(&once, "shop"), once.clone(), "{}", text);
        }
    }
}
