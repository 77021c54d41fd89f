//! What a test of a board is given: programs, the board, a folder.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use modem_tests::machine::{Board, Flash, Lab};
use modem_tests::peers::{Ca, NtpServer, P256, RSA, TlsServer};

/// Programs that the tests start.
#[derive(Debug, Clone, Args)]
pub(crate) struct Programs {
    /// `qemu-system-riscv32`.
    #[arg(long)]
    qemu: PathBuf,
    /// OpenSSL's command line tool.
    #[arg(long)]
    openssl: String,
    /// An NTP server.
    #[arg(long)]
    chronyd: String,
}

/// Makes what a test needs. Tests share nothing: they run at the same time, in any order.
#[derive(Debug, Clone)]
pub(crate) struct Bench {
    programs: Programs,
    pub(crate) board: Board,
    folder: PathBuf,
    /// Bytes of stack beyond which nothing on this board may go.
    pub(crate) deepest: Option<u64>,
}

impl Bench {
    pub(crate) fn new(programs: Programs, board: Board, folder: PathBuf) -> Self {
        Self {
            programs,
            board,
            folder,
            deepest: None,
        }
    }

    pub(crate) fn with_deepest(self, deepest: Option<u64>) -> Self {
        Self { deepest, ..self }
    }

    /// A board with a folder of its own.
    pub(crate) fn lab(&self, name: &str) -> Result<Lab> {
        let folder = self.folder.join(name);
        Lab::new(self.programs.qemu.clone(), self.board.clone(), folder)
    }

    /// A board with an erased flash and real peers.
    pub(crate) fn world(&self, name: &str) -> Result<World> {
        let lab = self.lab(name)?;
        let openssl = &self.programs.openssl;
        let ca = Ca::new(openssl, &lab.folder, "test CA")?;
        Ok(World {
            image: ca.image()?,
            other_image: Ca::new(openssl, &lab.folder, "other CA")?.image()?,
            p256: ca.serve("p256", P256)?,
            rsa: ca.serve("rsa", RSA)?,
            ntp: NtpServer::start(&self.programs.chronyd, &lab.folder)?,
            flash: Flash::new(&lab, "erased.flash")?,
            ca,
            lab,
        })
    }

    /// The image of a new CA, whose files are in `lab`'s folder.
    pub(crate) fn image(&self, lab: &Lab) -> Result<Vec<u8>> {
        Ca::new(&self.programs.openssl, &lab.folder, "test CA")?.image()
    }
}

/// A board with an erased flash, a CA and its servers, another CA, an NTP server.
pub(crate) struct World {
    pub(crate) lab: Lab,
    pub(crate) ca: Ca,
    pub(crate) image: Vec<u8>,
    pub(crate) other_image: Vec<u8>,
    pub(crate) p256: TlsServer,
    pub(crate) rsa: TlsServer,
    pub(crate) ntp: NtpServer,
    pub(crate) flash: Flash,
}
