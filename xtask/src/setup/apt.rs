//! Programs of Debian packages without root: downloaded, unpacked below the target folder, never
//! installed.
//!
//! ```text
//! target/tools/apt/             package lists and state of our own: `apt-get update` needs no root for them
//! target/tools/<package>/       the package and what it depends on that this system does not have
//! target/tools/bin/<program>    a script that starts it with those libraries
//! ```
//!
//! A script finds its package by its own place, so the folder may be moved as a whole. It is written
//! last: a program that is there is complete.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::cmd::{Cmd, find_program, remove_folder};

/// A program, and the packages that have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) program: &'static str,
    /// The first one names the folder.
    pub(crate) names: &'static [&'static str],
}

/// Unpacks packages below one folder.
pub(crate) struct Apt {
    tools: PathBuf,
    config: PathBuf,
}

impl Apt {
    /// Fetches the package lists that this system's `sources.list` names.
    pub(crate) fn new(tools: &Path) -> Result<Self> {
        ensure!(
            find_program("apt-get", &[]).is_some() && find_program("dpkg-deb", &[]).is_some(),
            "this system has no apt-get: install them by its own means"
        );
        let own = tools.join("apt");
        for folder in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(own.join(folder))?;
        }
        let apt = Self {
            tools: tools.to_owned(),
            config: own.join("apt.conf"),
        };
        fs::write(&apt.config, config(&own))?;
        apt.get("update -q").run()?;
        Ok(apt)
    }

    fn get(&self, words: &str) -> Cmd {
        Cmd::new(&format!("apt-get {words}"))
            .env("APT_CONFIG", self.config.to_string_lossy())
            .env("LC_ALL", "C")
    }

    /// Downloads, unpacks and makes the program callable.
    pub(crate) fn unpack(&self, package: Package) -> Result<()> {
        let name = package.names.first().context("a package without a name")?;
        if make_callable(&self.tools, name, package.program).is_ok() {
            // It came with another program of the package.
            return Ok(());
        }
        let simulated = self
            .get("install --simulate --no-install-recommends")
            .args(package.names.iter().copied())
            .output()?;
        let needed = to_download(&simulated);
        ensure!(
            !needed.is_empty(),
            "{name} is installed, but {} is not where programs are looked for",
            package.program
        );
        // Complete or not there: an interrupted run leaves the `.part` folder only.
        let (tree, part) = (
            self.tools.join(name),
            self.tools.join(format!("{name}.part")),
        );
        remove_folder(&part)?;
        remove_folder(&tree)?;
        fs::create_dir_all(&part)?;
        self.get("download -q").args(needed).within(&part).run()?;
        for entry in fs::read_dir(&part)? {
            let archive = entry?.path();
            if archive.extension().is_some_and(|end| end == "deb") {
                let files = [&archive, &part].map(|path| path.to_string_lossy());
                Cmd::new("dpkg-deb --extract").args(files).output()?;
                fs::remove_file(archive)?;
            }
        }
        trim(&part, package.program)?;
        relink(&part, &part)?;
        fs::rename(&part, &tree)?;
        make_callable(&self.tools, name, package.program)
    }
}

/// Our own lists and caches; what this system has installed is still what counts as installed.
fn config(own: &Path) -> String {
    let own = own.display();
    format!(
        "Dir::State \"{own}/state\";\n\
         Dir::State::status \"/var/lib/dpkg/status\";\n\
         Dir::Cache \"{own}/cache\";\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n\
         Acquire::Retries \"3\";\n"
    )
}

/// The packages that `apt-get install --simulate` would add.
fn to_download(simulated: &str) -> Vec<&str> {
    simulated
        .lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next())
        .collect()
}

/// Removes what is large and not needed: documentation, and of QEMU's emulators all but one
/// (30 MB of 240).
fn trim(tree: &Path, program: &str) -> Result<()> {
    remove_folder(&tree.join("usr/share"))?;
    if program.starts_with("qemu-") {
        for entry in fs::read_dir(tree.join("usr/bin"))? {
            let entry = entry?;
            if entry.file_name() != program {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Lets links that lead out of the unpacked `tree` to a file that it has lead there, such as those of Java to its settings.
fn relink(tree: &Path, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        if kind.is_dir() {
            relink(tree, &path)?;
            continue;
        }
        let Some(target) = kind
            .is_symlink()
            .then(|| fs::read_link(&path))
            .transpose()?
        else {
            continue;
        };
        let Ok(inside) = target.strip_prefix("/") else {
            continue;
        };
        if tree.join(inside).exists() {
            let up = folder.strip_prefix(tree)?.components().map(|_| "..");
            fs::remove_file(&path)?;
            symlink(up.collect::<PathBuf>().join(inside), &path)?;
        }
    }
    Ok(())
}

/// Writes `bin/<program>`.
fn make_callable(tools: &Path, name: &str, program: &str) -> Result<()> {
    let tree = tools.join(name);
    // Below the last one a folder for each Java.
    let of_java = fs::read_dir(tree.join("usr/lib/jvm")).into_iter().flatten();
    let of_java = of_java.flatten().map(|entry| entry.file_name());
    let of_java = of_java.map(|name| format!("usr/lib/jvm/{}/bin", name.to_string_lossy()));
    let binary = ["usr/bin", "usr/sbin", "bin", "sbin"]
        .into_iter()
        .map(str::to_owned)
        .chain(of_java)
        .map(|folder| format!("{folder}/{program}"))
        .find(|path| tree.join(path).is_file())
        .with_context(|| format!("{name} has no program {program}"))?;
    let mut libraries = Vec::new();
    for folder in ["usr/lib", "lib"] {
        // Below it one folder for each architecture, such as x86_64-linux-gnu.
        for entry in fs::read_dir(tree.join(folder)).into_iter().flatten() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.contains("-linux-") {
                libraries.push(format!("$tree/{folder}/{name}"));
            }
        }
    }
    // Valgrind starts its tools from there.
    let parts = if tree.join("usr/libexec/valgrind").is_dir() {
        "VALGRIND_LIB=\"$tree/usr/libexec/valgrind\" "
    } else {
        ""
    };
    let text = format!(
        "#!/bin/sh\n\
         # {program} of Debian's {name} with its libraries; written by `cargo xtask setup`.\n\
         tree=${{0%/*}}/../{name}\n\
         {parts}LD_LIBRARY_PATH=\"{}\" exec \"$tree/{binary}\" \"$@\"\n",
        libraries.join(":")
    );
    let bin = tools.join("bin");
    fs::create_dir_all(&bin)?;
    let script = bin.join(program);
    fs::write(&script, text)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_would_install_is_downloaded() {
        let simulated = "NOTE: This is only a simulation!\n\
             Remv timesyncd [1]\n\
             Inst libx30 [1] (2 Debian:12 [amd64]) []\n\
             Inst served (3 Debian:12 [amd64])\n\
             Conf served (3)\n";
        assert_eq!(to_download(simulated), ["libx30", "served"]);
        assert!(to_download("served is already the newest version\n").is_empty());
    }

    #[test]
    fn state_and_caches_are_our_own_and_the_system_is_only_read() {
        let text = config(Path::new("/w/target/tools/apt"));
        for line in text.lines().filter(|line| line.contains("Dir::")) {
            let ours = line.contains("\"/w/target/tools/apt/");
            assert!(ours || line.starts_with("Dir::State::status "), "{line}");
        }
    }

    #[test]
    fn a_program_runs_from_its_folder_with_its_libraries_wherever_the_folder_is_moved() {
        let begin = std::env::temp_dir().join(format!("xtask-apt-{}", std::process::id()));
        let (tools, moved) = (begin.join("tools"), begin.join("it's moved"));
        let tree = tools.join("served");
        for folder in [
            "usr/sbin",
            "usr/lib/x86_64-linux-gnu",
            "usr/lib/systemd",
            "usr/share/doc",
        ] {
            fs::create_dir_all(tree.join(folder)).unwrap();
        }
        let program = tree.join("usr/sbin/served");
        fs::write(&program, "#!/bin/sh\necho \"$LD_LIBRARY_PATH $*\"\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();

        trim(&tree, "served").unwrap();
        assert!(!tree.join("usr/share").exists());
        assert!(make_callable(&tools, "served", "another").is_err());
        make_callable(&tools, "served", "served").unwrap();
        fs::rename(&tools, &moved).unwrap();
        let script = moved.join("bin/served");
        let printed = Cmd::new("env")
            .arg(script.to_str().unwrap())
            .arg("two words")
            .output()
            .unwrap();
        let folder = moved.join("bin/../served/usr/lib/x86_64-linux-gnu");
        assert_eq!(printed, format!("{} two words\n", folder.display()));
        remove_folder(&begin).unwrap();
    }

    #[test]
    fn links_out_of_the_tree_lead_to_what_is_in_it() {
        let tools = std::env::temp_dir().join(format!("xtask-relink-{}", std::process::id()));
        let tree = tools.join("jdk");
        let (conf, java) = (tree.join("etc/java"), tree.join("usr/lib/jvm/java-17"));
        fs::create_dir_all(&conf).unwrap();
        fs::create_dir_all(java.join("bin")).unwrap();
        fs::write(conf.join("security"), "settings").unwrap();
        symlink("/etc/java/security", java.join("security")).unwrap();
        symlink("/etc/java", java.join("conf")).unwrap();
        symlink("/not/in/the/tree", java.join("other")).unwrap();
        relink(&tree, &tree).unwrap();
        for link in ["security", "conf/security"] {
            let text = fs::read_to_string(java.join(link)).unwrap();
            assert_eq!(text, "settings");
        }
        let other = fs::read_link(java.join("other")).unwrap();
        assert_eq!(other, Path::new("/not/in/the/tree"));

        // A Java is called by a script as other programs are.
        fs::write(java.join("bin/java"), "").unwrap();
        make_callable(&tools, "jdk", "java").unwrap();
        let text = fs::read_to_string(tools.join("bin/java")).unwrap();
        assert!(
            text.contains("$tree/usr/lib/jvm/java-17/bin/java"),
            "{text}"
        );
        remove_folder(&tools).unwrap();
    }

    #[test]
    fn of_the_emulators_one_is_kept() {
        let tree = std::env::temp_dir().join(format!("xtask-trim-{}", std::process::id()));
        let bin = tree.join("usr/bin");
        fs::create_dir_all(&bin).unwrap();
        for name in ["qemu-system-riscv32", "qemu-system-arm", "qemu-img"] {
            fs::write(bin.join(name), name).unwrap();
        }
        trim(&tree, "qemu-system-riscv32").unwrap();
        let left: Vec<_> = fs::read_dir(&bin).unwrap().flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].file_name(), "qemu-system-riscv32");
        remove_folder(&tree).unwrap();
    }
}
