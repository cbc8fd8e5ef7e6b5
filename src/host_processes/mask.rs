//! Command lines as they may be shown: secrets as stars.

/// A command line of NUL-separated arguments as text, secrets as stars.
pub(super) fn masked(cmdline: &[u8]) -> String {
    let text = String::from_utf8_lossy(cmdline);
    let mut words: Vec<String> = Vec::new();
    let mut hide_next = false;
    for argument in text.split('\0').filter(|argument| !argument.is_empty()) {
        if hide_next {
            words.push("****".into());
            hide_next = false;
            continue;
        }
        let (shown, next) = mask_argument(argument);
        hide_next = next;
        words.push(shown);
    }
    words.join(" ")
}

/// One argument with its secret as stars, and whether the next argument is a secret.
fn mask_argument(argument: &str) -> (String, bool) {
    let secret = |name: &str| {
        let name = name.to_ascii_lowercase();
        [
            "password", "passwd", "pwd", "secret", "token", "apikey", "api-key", "api_key",
        ]
        .iter()
        .any(|word| name.ends_with(word))
    };
    if let Some((name, _)) = argument.split_once('=')
        && secret(name)
    {
        return (format!("{name}=****"), false);
    }
    if argument.starts_with('-') && secret(argument) {
        return (argument.to_string(), true);
    }
    // The MySQL clients' `-pSECRET`; `-p` alone asks.
    if let Some(rest) = argument.strip_prefix("-p")
        && !rest.is_empty()
        && !rest.chars().all(|c| c.is_ascii_digit())
    {
        return ("-p****".into(), false);
    }
    (mask_url(argument), false)
}

/// `scheme://user:SECRET@host` with the secret as stars.
fn mask_url(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + 3) else {
        return text.to_string();
    };
    let authority_end = text[start..]
        .find(['/', '?', '#'])
        .map_or(text.len(), |at| start + at);
    // A password may itself hold slashes or at signs: the last at sign before the path ends it.
    let Some(at) = text[start..authority_end].rfind('@').map(|at| start + at) else {
        return match text[start..].rfind('@') {
            Some(at) if text[start..start + at].contains(':') => {
                format!("{}****{}", &text[..start], &text[start + at..])
            }
            _ => text.to_string(),
        };
    };
    match text[start..at].find(':').map(|colon| start + colon) {
        Some(colon) => format!("{}:****{}", &text[..colon], &text[at..]),
        None => text.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn secrets_become_stars() {
        for (cmdline, shown) in [
            ("node\0server.js\0", "node server.js"),
            ("mysql\0-uroot\0-phunter2\0app\0", "mysql -uroot -p**** app"),
            ("mysql\0--password=hunter2\0", "mysql --password=****"),
            ("x\0--api-token\0hunter2\0-v\0", "x --api-token **** -v"),
            ("env\0DB_PASSWORD=hunter2\0x\0", "env DB_PASSWORD=**** x"),
            ("x\0mysql://u:hunter2@h/db\0", "x mysql://u:****@h/db"),
            ("x\0mysql://u:hunt/er2@h/db\0", "x mysql://****@h/db"),
            ("x\0--url=mysql://u@h/db?x=1\0", "x --url=mysql://u@h/db?x=1"),
            ("ssh\0-p22\0", "ssh -p22"),
        ] {
            assert_eq!(masked(cmdline.as_bytes()), shown, "{cmdline:?}");
        }
    }
}
