//! Files that can hold keys and passwords: recordings and logs.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Creates an empty file that only the user can read, in place of what has this name.
///
/// An existing file keeps its content under its other names, and what a link leads to stays as it is. A
/// device or a pipe is opened as it is.
///
/// # Errors
///
/// Those of the file system.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    if let Ok(about) = fs::metadata(path)
        && !about.is_file()
    {
        return File::options().write(true).open(path);
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // Created under a name that was free, so never through a link.
    let file = tempfile::Builder::new()
        .prefix(".espat-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)?;
    file.persist(path).map_err(|error| error.error)
}

/// Creates a file that only the user can read, where nothing has this name: nothing is replaced or followed.
///
/// # Errors
///
/// Those of the file system; `AlreadyExists` if there is something.
pub(crate) fn create_new(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn only_the_user_can_read_it_whatever_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("file"), folder.path().join("other"));
        fs::write(&other, "precious").unwrap();
        let nothing: &dyn Fn() = &|| ();
        let file = &|| {
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        };
        let link = &|| symlink(&other, &path).unwrap();
        let hard_link = &|| fs::hard_link(&other, &path).unwrap();
        let dangling = &|| symlink(folder.path().join("nowhere"), &path).unwrap();
        for before in [nothing, file, link, hard_link, dangling] {
            before();
            create(&path).unwrap().write_all(b"new").unwrap();
            let about = fs::symlink_metadata(&path).unwrap();
            assert!(about.is_file());
            assert_eq!(about.permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(fs::read(&other).unwrap(), b"precious");
            fs::remove_file(&path).unwrap();
        }
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "no draft is left, and nothing came of the link");
        assert!(create(folder.path()).is_err());
        create(Path::new("/dev/null"))
            .unwrap()
            .write_all(b"x")
            .unwrap();
    }
}
