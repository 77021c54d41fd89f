//! What a recording says of the simulator that it was made with: the options of its command line.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Args as _, Command};

use super::Args;

/// Where the port is and what is written where: not what the modem does.
const OF_THE_PLACE: [&str; 11] = [
    "quiet",
    "listen",
    "pty",
    "stdio",
    "control",
    "record",
    "record_danger_secrets",
    "log",
    "exit_with_parent",
    "log_format",
    "log_level",
];

/// An option with its dashes, and its value if it has one.
pub(super) type Setting = (String, Option<String>);

/// The options of `espat sim …`, each once for every time it was given. An option that is new is among them
/// without a change here. Empty where the command line is not one of `espat sim`.
pub(super) fn of_command_line(words: impl Iterator<Item = OsString>) -> Vec<Setting> {
    // That of the program, before the command or behind it.
    let quiet = Arg::new("quiet").short('q').long("quiet");
    let quiet = quiet.action(ArgAction::SetTrue);
    let command = Args::augment_args(Command::new("espat sim").arg(quiet));
    let is_quiet = |word: &OsString| word == "-q" || word == "--quiet";
    let words = words.skip(1).skip_while(is_quiet);
    let Ok(matches) = command.clone().try_get_matches_from(words) else {
        return Vec::new();
    };
    let mut settings = Vec::new();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let given = matches.try_contains_id(id).unwrap_or(false)
            && matches.value_source(id) == Some(ValueSource::CommandLine);
        let (Some(long), true, false) = (argument.get_long(), given, OF_THE_PLACE.contains(&id))
        else {
            continue;
        };
        let name = format!("--{long}");
        if !argument.get_action().takes_values() {
            settings.push((name, None));
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            let value = value.to_string_lossy().into_owned();
            settings.push((name.clone(), Some(value)));
        }
    }
    settings
}

/// As [`of_command_line`], with what depends on the port made explicit: a replay has another one.
pub(super) fn of_this_program(args: &Args) -> Vec<Setting> {
    let mut settings = of_command_line(std::env::args_os());
    if args.boot_ms.is_none() {
        let boot = args.boot().as_millis().to_string();
        settings.push(("--boot-ms".to_owned(), Some(boot)));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str) -> Vec<String> {
        let words = line.split(' ').map(OsString::from);
        of_command_line(words)
            .into_iter()
            .map(|(name, value)| match value {
                Some(value) => format!("{name} {value}"),
                None => name,
            })
            .collect()
    }

    #[test]
    fn what_changes_the_modem_is_recorded_and_where_it_is_is_not() {
        let line = "espat sim --pty /tmp/x --record y --control 127.0.0.1:0 --log - --chip esp32c3 \
                    --ap a,12345678 --ap b --map :80=127.0.0.1:8080 --clock host --tls-links 2";
        let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut found = settings(&line);
        found.sort();
        assert_eq!(
            found,
            [
                "--ap a,12345678",
                "--ap b",
                "--chip esp32c3",
                "--clock host",
                "--map :80=127.0.0.1:8080",
                "--tls-links 2",
            ]
        );
    }

    #[test]
    fn the_option_of_every_command_hides_none() {
        for line in [
            "espat --quiet sim --chip esp32c3",
            "espat -q sim --chip esp32c3",
            "espat sim -q --chip esp32c3",
            "espat sim --chip esp32c3 --quiet",
        ] {
            assert_eq!(settings(line), ["--chip esp32c3"], "{line}");
        }
    }

    #[test]
    fn defaults_and_other_programs_say_nothing() {
        for line in ["espat sim", "espat demo --no-color", "test --nocapture", ""] {
            assert!(settings(line).is_empty(), "{line}");
        }
    }
}
