//! Flash in a file of the host: the simulator's memory, and an image for flashing tools.
//!
//! It behaves as the chip does (words of 4 bytes, sectors of 4096, writes that only clear bits), so
//! an image moves between file and chip unchanged. Each operation is in the file when it returns: a
//! simulator that is killed loses nothing it has answered for.
//!
//! The file is locked while it is open: two simulators cannot share one.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::vec;
use std::vec::Vec;
use std::{ffi::OsString, fmt, fs, process};

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::esp_at::{self, BuiltIn, FactoryParam, LayoutError};

const WORD: usize = 4;
const SECTOR: usize = 4096;

/// Names that are tried for a draft.
const DRAFT_NAMES: u32 = 100;

/// A flash in a file.
#[derive(Debug)]
pub struct FileFlash {
    file: File,
    path: PathBuf,
    size: u32,
}

/// Where the image of [`FileFlash::open_or_format`] comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The file was there.
    Found,
    /// There was none; it was made.
    Formatted,
}

/// Why a file does not serve as flash.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileFlashError {
    /// A directory, a device, a pipe.
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The size is not one of a flash: whole sectors, at least one, below 4 GiB.
    WrongSize {
        /// The path; empty where a size was asked for.
        path: PathBuf,
        /// Its bytes.
        size: u64,
    },
    /// Another program has it open as flash.
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The disk is full.
    NoSpace {
        /// The path.
        path: PathBuf,
    },
    /// It could not be formatted.
    Format {
        /// The path.
        path: PathBuf,
        /// Why.
        error: std::boxed::Box<LayoutError<FileFlashError>>,
    },
    /// The range is not in the flash.
    OutOfBounds,
    /// The range is not one of whole words, or of whole sectors when erasing.
    NotAligned,
    /// The host's file system failed.
    Io {
        /// The path.
        path: PathBuf,
        /// How.
        error: io::Error,
    },
}

impl fmt::Display for FileFlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAFile { path } => write!(f, "{} is not a regular file", path.display()),
            Self::WrongSize { path, size } => write!(
                f,
                "{}: {size} bytes are no flash image (whole sectors of {SECTOR} bytes)",
                path.display()
            ),
            Self::InUse { path } => {
                write!(f, "{} is in use by another program", path.display())
            }
            Self::NoSpace { path } => write!(f, "no space on the disk of {}", path.display()),
            Self::Format { path, error } => write!(f, "cannot format {}: {error}", path.display()),
            Self::OutOfBounds => f.write_str("range is not in the flash"),
            Self::NotAligned => f.write_str("range is not aligned"),
            Self::Io { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl core::error::Error for FileFlashError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl NorFlashError for FileFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            _ => NorFlashErrorKind::Other,
        }
    }
}

fn io_error(path: &Path, error: io::Error) -> FileFlashError {
    let path = path.to_path_buf();
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FileFlashError::NoSpace { path },
        _ => FileFlashError::Io { path, error },
    }
}

/// A size as the flash traits count it.
fn flash_size(path: &Path, size: u64) -> Result<u32, FileFlashError> {
    let sectors = u64::try_from(SECTOR).unwrap_or(1);
    let fits = u32::try_from(size)
        .ok()
        .filter(|_| size > 0 && size.is_multiple_of(sectors));
    fits.ok_or_else(|| FileFlashError::WrongSize {
        path: path.to_path_buf(),
        size,
    })
}

impl FileFlash {
    /// Opens an image that exists.
    ///
    /// # Errors
    /// There is none, it is no image, or another program has it open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileFlashError> {
        let path = path.as_ref();
        // Opening a pipe or a device can do things; looking does not.
        let about = fs::metadata(path).map_err(|error| io_error(path, error))?;
        if !about.is_file() {
            return Err(FileFlashError::NotAFile {
                path: path.to_path_buf(),
            });
        }
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.map_err(|error| io_error(path, error))?;
        lock(&file, path)?;
        let size = file
            .metadata()
            .map_err(|error| io_error(path, error))?
            .len();
        Ok(Self {
            file,
            path: path.to_path_buf(),
            size: flash_size(path, size)?,
        })
    }

    /// Makes an erased image of `size` bytes. The file appears whole or not at all, and only the user
    /// can read it.
    ///
    /// # Errors
    /// There is a file already, the size is not one of a flash, or the disk is full.
    pub fn create(path: impl AsRef<Path>, size: u32) -> Result<Self, FileFlashError> {
        let path = path.as_ref();
        let mut draft = Draft::new(path, size)?;
        draft.publish()
    }

    /// Opens the image, or makes one of `layout` where there is none. The file appears whole or not
    /// at all, and only the user can read it.
    ///
    /// Dropping the future may leave a file beside it whose name ends in `.new`, and no image.
    ///
    /// # Errors
    /// As for [`open`](Self::open) and [`create`](Self::create).
    pub async fn open_or_format(
        path: impl AsRef<Path>,
        layout: &BuiltIn,
        factory: FactoryParam,
    ) -> Result<(Self, Origin), FileFlashError> {
        let path = path.as_ref();
        match Self::open(path) {
            Err(FileFlashError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {}
            opened => return opened.map(|flash| (flash, Origin::Found)),
        }
        let mut draft = Draft::new(path, layout.flash_size)?;
        let flash = draft.flash.as_mut().ok_or(FileFlashError::OutOfBounds)?;
        let formatted = esp_at::format(flash, layout, factory).await;
        formatted.map_err(|error| match error {
            LayoutError::Flash(error) => error,
            other => FileFlashError::Format {
                path: path.to_path_buf(),
                error: other.into(),
            },
        })?;
        match draft.publish() {
            // Another program was faster: its image is as good, if it lets go of it.
            Err(FileFlashError::Io { error, .. }) if error.kind() == ErrorKind::AlreadyExists => {
                Self::open(path).map(|flash| (flash, Origin::Found))
            }
            published => published.map(|flash| (flash, Origin::Formatted)),
        }
    }

    /// The path it was opened with.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn range(&self, from: u32, length: usize, unit: usize) -> Result<(), FileFlashError> {
        let length = u32::try_from(length).map_err(|_| FileFlashError::OutOfBounds)?;
        let unit = u32::try_from(unit).unwrap_or(1);
        match from.checked_add(length) {
            Some(end) if end <= self.size => {}
            _ => return Err(FileFlashError::OutOfBounds),
        }
        if from.is_multiple_of(unit) && length.is_multiple_of(unit) {
            Ok(())
        } else {
            Err(FileFlashError::NotAligned)
        }
    }

    fn get(&mut self, at: u32, bytes: &mut [u8]) -> Result<(), FileFlashError> {
        read_at(&mut self.file, u64::from(at), bytes).map_err(|error| io_error(&self.path, error))
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), FileFlashError> {
        write_at(&mut self.file, u64::from(at), bytes).map_err(|error| io_error(&self.path, error))
    }
}

fn lock(file: &File, path: &Path) -> Result<(), FileFlashError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(FileFlashError::InUse {
            path: path.to_path_buf(),
        }),
        // A file system without locks is no reason to refuse; nothing can be promised there.
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(io_error(path, error)),
    }
}

/// An image in the making, beside the place it is for. Gone when dropped unpublished.
struct Draft {
    flash: Option<FileFlash>,
    draft: PathBuf,
    path: PathBuf,
}

impl Draft {
    fn new(path: &Path, size: u32) -> Result<Self, FileFlashError> {
        flash_size(path, u64::from(size))?;
        // The draft's name would only puzzle; the path is what was asked for.
        let (mut file, draft) = create_draft(path).map_err(|error| io_error(path, error))?;
        let mut made = Self {
            flash: None,
            draft,
            path: path.to_path_buf(),
        };
        let blank = vec![0xff; SECTOR];
        let sectors = size / u32::try_from(SECTOR).unwrap_or(1);
        for _ in 0..sectors {
            file.write_all(&blank)
                .map_err(|error| io_error(path, error))?;
        }
        let flash = FileFlash {
            file,
            path: path.to_path_buf(),
            size,
        };
        made.flash = Some(flash);
        Ok(made)
    }

    /// Gives the image its name, if that is still free.
    fn publish(&mut self) -> Result<FileFlash, FileFlashError> {
        let flash = self.flash.take().ok_or(FileFlashError::OutOfBounds)?;
        let failed = |error| io_error(&self.path, error);
        flash.file.sync_all().map_err(failed)?;
        lock(&flash.file, &self.path)?;
        match fs::hard_link(&self.draft, &self.path) {
            Ok(()) => Ok(flash),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(failed(error)),
            // No hard links on this file system.
            Err(_) if !self.path.exists() => {
                fs::rename(&self.draft, &self.path).map_err(failed)?;
                Ok(flash)
            }
            Err(error) => Err(failed(error)),
        }
    }
}

/// Creates a file beside `path` that was not there: neither a file of somebody else's nor one behind a
/// link is written to. Only the user can read it, for keys and passwords come into it.
fn create_draft(path: &Path) -> io::Result<(File, PathBuf)> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut last = io::Error::from(ErrorKind::AlreadyExists);
    // A program that was killed can have left one behind.
    for attempt in 0..DRAFT_NAMES {
        let mut name = OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(std::format!(".{}-{attempt}.new", process::id()));
        let draft = path.with_file_name(name);
        match options.open(&draft) {
            Ok(file) => return Ok((file, draft)),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After a publication this is the second name of the image, or none.
        let _ = fs::remove_file(&self.draft);
    }
}

#[cfg(unix)]
fn read_at(file: &mut File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(unix)]
fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_at(file: &mut File, at: u64, bytes: &mut [u8]) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

#[cfg(not(unix))]
fn write_at(file: &mut File, at: u64, bytes: &[u8]) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(at))?;
    file.write_all(bytes)
}

impl ErrorType for FileFlash {
    type Error = FileFlashError;
}

impl ReadNorFlash for FileFlash {
    const READ_SIZE: usize = WORD;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.range(offset, bytes.len(), WORD)?;
        self.get(offset, bytes)
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }
}

impl NorFlash for FileFlash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let length = to.checked_sub(from).ok_or(FileFlashError::OutOfBounds)?;
        let length = usize::try_from(length).map_err(|_| FileFlashError::OutOfBounds)?;
        self.range(from, length, SECTOR)?;
        let blank = vec![0xff; SECTOR];
        for sector in (from..to).step_by(SECTOR) {
            self.put(sector, &blank)?;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.range(offset, bytes.len(), WORD)?;
        let mut result: Vec<u8> = vec![0; bytes.len()];
        self.get(offset, &mut result)?;
        for (old, new) in result.iter_mut().zip(bytes) {
            *old &= *new;
        }
        self.put(offset, &result)
    }
}

impl MultiwriteNorFlash for FileFlash {}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::path::Path;
    use std::string::ToString;

    use super::{FileFlashError, io_error};

    #[test]
    fn a_full_disk_has_its_own_words() {
        let path = Path::new("flash.bin");
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            let error = io_error(path, Error::from(kind));
            assert!(matches!(error, FileFlashError::NoSpace { .. }));
            assert_eq!(error.to_string(), "no space on the disk of flash.bin");
        }
        let error = io_error(path, Error::from(ErrorKind::PermissionDenied));
        assert!(matches!(error, FileFlashError::Io { .. }));
    }
}
