//! The README and the guides tell the truth: their commands run, in order, on a sandbox; recipes, exit
//! codes and linked files exist.

use crate::support;

use std::fs;
use std::path::Path;

use support::Cmd;

const CHECKOUT: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    fs::read_to_string(Path::new(CHECKOUT).join("README.md")).expect("the README")
}

/// The guides beside the README.
const GUIDES: [&str; 5] = [
    "too-many-connections.md",
    "connection-management.md",
    "quick-reference.md",
    "from-scripts.md",
    "review-checklist.md",
];

fn guide(name: &str) -> String {
    fs::read_to_string(Path::new(CHECKOUT).join("docs").join(name)).expect("a guide")
}

/// The lines of all `sh` blocks of the README and the guides, without their comments.
fn commands() -> Vec<String> {
    let mut text = readme();
    for name in GUIDES {
        text += &guide(name);
    }
    let mut lines = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        match line.trim() {
            "```sh" => inside = true,
            "```" => inside = false,
            command if inside => {
                let command = command.split(" # ").next().unwrap_or_default().trim();
                if !command.is_empty() && !command.starts_with('#') {
                    lines.push(command.to_owned());
                }
            }
            _ => {}
        }
    }
    lines
}

#[test]
fn every_dbtool_command_of_the_readme_and_the_guides_runs_on_a_sandbox() {
    let commands: Vec<String> = commands()
        .into_iter()
        .filter(|command| command.starts_with("dbtool "))
        .collect();
    assert!(commands.len() >= 20, "{commands:#?}");
    // Drift and findings have exit code 1; everything else must be 0.
    let script: String = commands
        .iter()
        .map(|command| format!("echo '$ {command}'\n{command} || [ $? -eq 1 ]\n"))
        .collect();
    let dbtool = env!("CARGO_BIN_EXE_dbtool");
    let folder = Path::new(dbtool)
        .parent()
        .expect("a folder")
        .display()
        .to_string();
    let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
    let mut command = Cmd::new(dbtool).env("PATH", path);
    if let Some(server) = std::env::var_os("DBTOOL_TEST_SERVER") {
        command = command.env("DBTOOL_SERVER", server);
    }
    // The folder stays until the picture has been looked for.
    let keep = support::dbtool().share_folders(&command);
    let work = keep.folders().join("work");
    copy_migrations(&work.join("migrations"));
    fs::write(work.join("script.sh"), script).expect("a script");
    let output = command
        .args(["sandbox", "--bookings", "200", "--", "bash", "-e", "script.sh"])
        .run();
    assert_eq!(output.code, Some(0), "{output}");
    for command in commands {
        assert!(
            output.stdout.contains(&format!("$ {command}\n")),
            "{command} did not run: {output}"
        );
    }
    assert!(work.join("schema.html").exists());
}

/// The lines of the README's section with this title that are in its `console` block.
fn console(title: &str) -> Vec<String> {
    let text = readme();
    let section = text.split(&format!("### {title}\n")).nth(1).expect("the section");
    let block = section.split("```console\n").nth(1).expect("its block");
    let block = block.split("```").next().unwrap_or_default();
    block.lines().map(str::to_owned).collect()
}

#[test]
fn a_flyway_project_is_taken_over_as_the_readme_says() {
    let server = support::Server::start();
    let case =
        fs::read_to_string(Path::new(CHECKOUT).join("tests/cases/layouts/flyway.txt")).expect("a case");
    let folder = support::migrations::Folder::new(&[]);
    let account = server.create_account("flies", "shop");
    for part in case.split("\n== ").skip(1) {
        let (title, body) = part.split_once('\n').unwrap_or((part, ""));
        match title.strip_prefix("file ") {
            Some(name) => folder.write(name, format!("{}\n", body.trim_end_matches('\n'))),
            None => server.connect_as(&account).exec(body),
        }
    }
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut said = String::new();
    let mut commands = 0;
    for line in console("Take over a Flyway project") {
        let Some(command) = line.strip_prefix("$ dbtool ") else {
            assert!(
                squeezed(&said).contains(&squeezed(&line)),
                "no {line:?} in {said}"
            );
            continue;
        };
        let dir = folder.path().display().to_string();
        let words = command
            .split(' ')
            .map(|word| if word == "sql" { dir.as_str() } else { word });
        let output = server.dbtool_as(&account).args(words).run();
        said = format!("{}\n{}", output.stdout, output.stderr);
        commands += 1;
    }
    assert_eq!(commands, 5);
}

fn copy_migrations(target: &Path) {
    fs::create_dir_all(target).expect("a folder");
    for file in fs::read_dir(Path::new(CHECKOUT).join("migrations"))
        .expect("migrations")
        .flatten()
    {
        fs::copy(file.path(), target.join(file.file_name())).expect("a copy");
    }
}

#[test]
fn every_recipe_and_script_of_the_readme_exists() {
    let recipes = fs::read_to_string(Path::new(CHECKOUT).join("justfile")).expect("the justfile");
    let text = readme();
    let mut found = 0;
    for part in text.split("just ").skip(1) {
        let name: String = part
            .chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '-')
            .collect();
        let before_is_code = text.contains(&format!("`just {name}"))
            || text.contains(&format!("&& just {name}"))
            || text.contains(&format!("\njust {name}"));
        if before_is_code && !name.is_empty() {
            found += 1;
            assert!(
                recipes.lines().any(|line| line.starts_with(&format!("{name}:"))),
                "no recipe {name}"
            );
        }
    }
    assert!(found >= 4, "{found}");
    for command in commands()
        .iter()
        .filter(|command| command.starts_with("scripts/"))
    {
        let script = command.split(' ').next().unwrap_or_default();
        assert!(Path::new(CHECKOUT).join(script).exists(), "{script}");
    }
}

#[test]
fn the_exit_codes_of_the_readme_are_those_of_the_help() {
    let help = support::dbtool().arg("--help").run();
    assert_eq!(help.code, Some(0), "{help}");
    let text = readme();
    for code in ["0", "1", "2", "3", "4", "5"] {
        let row = text
            .lines()
            .find(|line| line.starts_with(&format!("| {code} |")))
            .unwrap_or_else(|| panic!("no row for {code}"));
        assert!(help.stdout.contains(&format!("  {code}  ")), "{row}: {help}");
    }
    for code in ["130", "143", "129"] {
        assert!(text.contains(code) && help.stdout.contains(code), "{code}");
    }
}

#[test]
fn every_linked_file_exists() {
    let mut links = 0;
    let texts = GUIDES.iter().map(|name| ("docs", guide(name)));
    for (folder, text) in texts.chain([("", readme())]) {
        for link in text.split("](").skip(1) {
            let target = link.split(')').next().unwrap_or_default();
            if !target.contains("://") && !target.starts_with('#') {
                links += 1;
                assert!(Path::new(CHECKOUT).join(folder).join(target).exists(), "{target}");
            }
        }
    }
    assert!(links >= 7, "{links}");
}

#[test]
fn the_quick_reference_names_only_commands_and_flags_that_exist() {
    let text = guide("quick-reference.md");
    let commands = text.split("`dbtool ").skip(1);
    let mut seen = 0;
    for command in commands {
        let words: Vec<&str> = command.split('`').next().unwrap_or_default().split(' ').collect();
        let help = support::dbtool().args([words[0], "--help"]).run();
        assert_eq!(help.code, Some(0), "dbtool {}: {help}", words.join(" "));
        for flag in words
            .iter()
            .filter(|word| word.starts_with("--") && word.len() > 2)
        {
            assert!(
                help.stdout.contains(flag),
                "dbtool {}: no {flag}",
                words.join(" ")
            );
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");
}
