//! The modem's images on emulated boards.
//!
//! ```text
//! qemu-virt   QEMU               ─┬─ AT port ─▶ host       what a person would type, and what must come back
//! esp32-c3    firmware/tools/model ├─ network ─▶ router ─▶ openssl s_server, chronyd on this machine's loopback
//!                                  ├─ flash ───▶ file
//!                                  └─ log
//! ```
//!
//! | module | tests of |
//! |---|---|
//! | `story` | the way from an erased flash to a verified session, and every refusal on it |
//! | `engines` | what TLS 1.2, X25519 and client certificates take of heap and stack |
//! | `heap` | the heap of sessions fails at each request in turn, and is constant over reconnects |
//! | `keys` | what every kind of key takes of the stack |
//! | `links` | several links at once, and a change of network |
//! | `server` | the modem as a TLS server, its clients and those that it refuses; an image that cannot be one |
//! | `cuts` | a loss of power at any moment of a change to the flash |
//! | `c3` | what only the modelled chip has: boots, its radio, noise at the port, failures of its core |
//! | `rollback` | two slots for programs |
//! | `own` | a firmware of one's own with the modem in it |
//! | `soft_ap` | two chips, one with an access point of its own |
//!
//! `cargo xtask qemu` and `cargo xtask c3` build the images and run this. What comes after `--` is for the
//! test harness: `-- links`, `-- --list`.

mod bench;
mod c3;
mod cuts;
mod engines;
mod heap;
mod keys;
mod links;
mod own;
mod rollback;
mod server;
mod soft_ap;
mod story;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use libtest_mimic::{Arguments, Failed, Trial};
use modem_tests::machine::{Board, Net};

use crate::bench::{Bench, Programs};
use crate::cuts::Cuts;

/// The modem's images on emulated boards.
#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    programs: Programs,
    /// Where the files of the tests go: a folder for each test.
    #[arg(long)]
    folder: PathBuf,
    #[command(subcommand)]
    image: Image,
}

#[derive(Debug, Subcommand)]
enum Image {
    /// `firmware/qemu-virt` on QEMU.
    Virt {
        /// As it was linked.
        #[arg(long)]
        program: PathBuf,
        /// The image with embedded-tls alone.
        #[arg(long)]
        embedded_tls_program: PathBuf,
        /// `firmware/embedded-modem`, as it was linked.
        #[arg(long)]
        own_program: PathBuf,
        /// Cut the power after every single write to the flash.
        #[arg(long)]
        every_cut: bool,
        /// For the test harness.
        #[arg(last = true)]
        harness: Vec<String>,
    },
    /// `firmware/esp32` with Wi-Fi on the modelled ESP32-C3.
    Wifi {
        #[command(flatten)]
        chip: Chip,
        /// The image with an access point of its own, as it was linked.
        #[arg(long)]
        soft_ap_program: PathBuf,
        /// The flash with it.
        #[arg(long)]
        soft_ap_flash: PathBuf,
        /// For the test harness.
        #[arg(last = true)]
        harness: Vec<String>,
    },
    /// `firmware/esp32` with Espressif's emulated Ethernet controller on the modelled ESP32-C3.
    Openeth {
        #[command(flatten)]
        chip: Chip,
        /// For the test harness.
        #[arg(last = true)]
        harness: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct Chip {
    /// The program that models the chip.
    #[arg(long)]
    model: PathBuf,
    /// The image, as it was linked.
    #[arg(long)]
    program: PathBuf,
    /// All of the flash.
    #[arg(long)]
    flash: PathBuf,
    /// Bytes of stack beyond which nothing may go.
    #[arg(long)]
    deepest: Option<u64>,
}

impl Chip {
    fn board(&self, net: Net) -> Board {
        Board::C3 {
            net,
            model: self.model.clone(),
            program: self.program.clone(),
            image: self.flash.clone(),
        }
    }
}

/// A test of a board.
type Test = fn(&Bench) -> anyhow::Result<()>;

const STORY: (&str, Test) = (
    "story::from_an_erased_flash_to_a_verified_session",
    story::whole,
);

const NO_SERVER: (&str, Test) = (
    "server::an_image_without_rustls_says_that_it_cannot_be_one",
    server::refused,
);

const VIRT: [(&str, Test); 10] = [
    (
        "story::the_boot_is_timed_by_the_boards_clock",
        story::boot_time,
    ),
    STORY,
    (
        "story::a_16550_refuses_flow_control",
        story::refuses_flow_control,
    ),
    (
        "story::without_randomness_nothing_is_served",
        story::without_randomness,
    ),
    (
        "engines::sessions_of_both_versions_give_back_their_heap",
        engines::each,
    ),
    (
        "heap::at_each_request_that_fails_the_modem_goes_on",
        heap::fails_at_each_request,
    ),
    (
        "heap::it_is_constant_over_reconnects",
        heap::is_constant_over_reconnects,
    ),
    ("links::five_at_once_two_of_them_tls", links::five_at_once),
    (
        "server::clients_of_both_versions_come_and_others_are_refused",
        server::whole,
    ),
    (
        "links::tcp_ends_with_its_network_and_udp_goes_on",
        links::between_networks,
    ),
];

const FAILURES: (&str, Test) = (
    "c3::a_fault_a_hang_and_an_overflow_end_in_ready",
    c3::failures,
);

const WIFI: [(&str, Test); 8] = [
    ("c3::ten_boots_end_in_ready", c3::boots),
    STORY,
    NO_SERVER,
    ("c3::networks_are_found_refused_joined_and_lost", c3::air),
    (
        "c3::of_a_crowd_the_strongest_networks_are_listed",
        c3::crowd,
    ),
    ("c3::the_checks_for_a_board_pass", c3::hil),
    ("keys::every_kind_fits_the_stack", keys::fit),
    FAILURES,
];

/// With an access point in the image, which leaves less RAM.
const WITH_SOFT_AP: [(&str, Test); 2] = [
    ("story::with_a_soft_ap_in_the_image", story::whole),
    ("keys::with_a_soft_ap_in_the_image", keys::fit),
];

const OPENETH: [(&str, Test); 8] = [
    ("c3::ten_boots_end_in_ready", c3::boots),
    STORY,
    ("c3::noise_at_the_port_is_survived", c3::noise),
    (
        "engines::what_may_not_fit_the_heap_is_refused_with_both_numbers",
        engines::refused,
    ),
    ("rollback::of_every_cut_a_program_starts", rollback::cuts),
    (
        "rollback::a_damaged_program_is_not_selected",
        rollback::damage,
    ),
    ("keys::every_kind_fits_the_stack", keys::fit),
    FAILURES,
];

impl Cli {
    /// The tests, and the arguments of the harness.
    fn plan(self) -> (Vec<Trial>, Vec<String>) {
        let bench_in = |folder: PathBuf, board| Bench::new(self.programs.clone(), board, folder);
        let bench = |board| bench_in(self.folder.clone(), board);
        match self.image {
            Image::Virt {
                program,
                embedded_tls_program,
                own_program,
                every_cut,
                harness,
            } => {
                let smaller = Board::Virt {
                    program: embedded_tls_program,
                };
                let smaller = bench_in(self.folder.join("embedded-tls"), smaller);
                let own = Board::Virt {
                    program: own_program,
                };
                let own = bench_in(self.folder.join("own"), own);
                let bench = bench(Board::Virt { program });
                let cuts = if every_cut { Cuts::Every } else { Cuts::Some };
                let mut trials = with_cuts(&VIRT, &bench, cuts);
                let name = "story::with_embedded_tls_alone";
                trials.push(trial(name, move || story::whole(&smaller)));
                let name = "own::a_command_and_a_task_beside_the_modem";
                trials.push(trial(name, move || own::fan(&own)));
                (trials, harness)
            }
            Image::Wifi {
                chip,
                soft_ap_program,
                soft_ap_flash,
                harness,
            } => {
                let with_soft_ap = Board::C3 {
                    net: Net::Wifi,
                    model: chip.model.clone(),
                    program: soft_ap_program,
                    image: soft_ap_flash,
                };
                let own = bench_in(self.folder.join("soft-ap"), with_soft_ap);
                let own = own.with_deepest(chip.deepest);
                let station = bench(chip.board(Net::Wifi)).with_deepest(chip.deepest);
                let mut trials = trials(&WIFI, &station);
                for (name, test) in WITH_SOFT_AP {
                    let bench = own.clone();
                    trials.push(trial(name, move || test(&bench)));
                }
                let name = "soft_ap::a_station_joins_leaves_and_talks_both_ways";
                trials.push(trial(name, move || soft_ap::whole(&own, &station)));
                (trials, harness)
            }
            Image::Openeth { chip, harness } => {
                let bench = bench(chip.board(Net::Openeth)).with_deepest(chip.deepest);
                (with_cuts(&OPENETH, &bench, Cuts::Few), harness)
            }
        }
    }
}

fn with_cuts(tests: &[(&'static str, Test)], bench: &Bench, cuts: Cuts) -> Vec<Trial> {
    let mut trials = trials(tests, bench);
    trials.extend(cuts::CHANGES.map(|change| {
        let bench = bench.clone();
        let name = format!("cuts::{}", change.name());
        trial(&name, move || cuts::sweep(&bench, change, cuts))
    }));
    trials
}

fn trials(tests: &[(&'static str, Test)], bench: &Bench) -> Vec<Trial> {
    tests
        .iter()
        .map(|&(name, test)| {
            let bench = bench.clone();
            trial(name, move || test(&bench))
        })
        .collect()
}

fn trial(name: &str, test: impl FnOnce() -> anyhow::Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test().map_err(|error| Failed::from(format!("{error:#}")))
    })
}

fn main() -> ExitCode {
    let (trials, harness) = Cli::parse().plan();
    let name = std::iter::once("boards".to_owned());
    libtest_mimic::run(&Arguments::from_iter(name.chain(harness)), trials).exit_code()
}
