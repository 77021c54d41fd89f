//! Files: read within bounds, and written whole or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// The largest flash of the chips concerned. No certificate, image or partition is larger.
const MAX_LEN: u64 = 16 * 1024 * 1024;

/// Reads a file, or whatever else can be read to an end, of at most 16 MiB.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let name = path.display();
    let cannot = || format!("cannot read {name}");
    let file = File::open(path).with_context(cannot)?;
    if file.metadata().with_context(cannot)?.is_dir() {
        bail!("cannot read {name}: it is a directory");
    }
    let mut bytes = Vec::new();
    // One byte more, so that too much shows.
    let len = file
        .take(MAX_LEN.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    if u64::try_from(len).is_ok_and(|len| len > MAX_LEN) {
        bail!("{name} has more than {MAX_LEN} bytes, which no flash of these chips holds");
    }
    Ok(bytes)
}

/// Where an output goes, checked before any work is done.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    /// Of the file there; kept unless a private key goes in.
    permissions: Option<Permissions>,
}

impl Output {
    /// A new file, or an existing regular one that will be replaced.
    ///
    /// A link is refused: somebody else may have put it there, and it leads where no key should go.
    pub(crate) fn new(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let permissions = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => {
                bail!("cannot write {name}: it is a symbolic link; give the file that it leads to")
            }
            Ok(metadata) if !metadata.is_file() => {
                bail!("cannot write {name}: it exists and is not a regular file")
            }
            Ok(metadata) => Some(metadata.permissions()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match path.parent() {
                Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
                    bail!(
                        "cannot write {name}: there is no folder {}",
                        folder.display()
                    )
                }
                _ => None,
            },
            Err(error) => return Err(error).with_context(|| format!("cannot write {name}")),
        };
        Ok(Self {
            path: path.to_owned(),
            permissions,
        })
    }

    /// Whether `path` is the file to be replaced.
    pub(crate) fn is(&self, path: &Path) -> bool {
        let real = |path: &Path| fs::canonicalize(path).ok();
        self.permissions.is_some() && real(path).is_some_and(|it| real(&self.path) == Some(it))
    }

    /// Puts `bytes` there: a reader sees the old file or the whole new one.
    pub(crate) fn write(self, bytes: &[u8], access: Access) -> anyhow::Result<()> {
        let name = self.path.display();
        let cannot = || format!("cannot write {name}");
        let mut file = temporary(&self.path, access).with_context(cannot)?;
        file.write_all(bytes).with_context(cannot)?;
        if let Some(permissions) = self.permissions
            && access == Access::Usual
        {
            file.as_file()
                .set_permissions(permissions)
                .with_context(cannot)?;
        }
        file.as_file().sync_all().with_context(cannot)?;
        file.persist(&self.path)
            .map_err(|error| error.error)
            .with_context(cannot)?;
        Ok(())
    }
}

/// Who may read a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As the user's file mode mask allows.
    Usual,
    /// Only the user: the file holds a private key, or will hold one.
    OwnerOnly,
}

/// Writes a file that must not exist yet.
pub(crate) fn create(path: &Path, bytes: &[u8], access: Access) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    let mut file = temporary(path, access).with_context(cannot)?;
    file.write_all(bytes).with_context(cannot)?;
    file.persist_noclobber(path)
        .map_err(|error| error.error)
        .with_context(cannot)?;
    Ok(())
}

/// A file beside `target`, so that it can take its place in one step.
fn temporary(target: &Path, access: Access) -> io::Result<tempfile::NamedTempFile> {
    let folder = match target.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mode = match access {
        Access::Usual => 0o666,
        Access::OwnerOnly => 0o600,
    };
    tempfile::Builder::new()
        .prefix(".espat-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
}
