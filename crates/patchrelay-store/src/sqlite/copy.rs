//! A copy of a database from before its tables are changed, for whoever wants to go back to the earlier program.

use std::{
    fs::{self, DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use sqlx::{
    SqlitePool,
    migrate::{Migrate as _, MigrateError},
};
use tracing::{info, warn};

use super::{MIGRATIONS, open_private};
use crate::database::OpenError;

/// How many copies are kept, the newest ones.
const KEPT: usize = 3;

/// What SQLite says when a disk takes no more (`SQLITE_FULL`).
const DISK_FULL: &str = "13";

/// The directory beside a database in which its copies are.
pub(crate) fn directory(path: &Path) -> PathBuf {
    let mut directory = path.as_os_str().to_owned();
    directory.push(".copies");
    PathBuf::from(directory)
}

/// Copies the database if it was used before and has migrations to come; after an error they must not run. A crash in
/// the middle leaves a file that the next copy replaces.
pub(super) async fn before_migrations(path: &Path, writer: &SqlitePool) -> Result<(), OpenError> {
    let name = path.display().to_string();
    let Some(migration) = first_to_come(writer).await.map_err(OpenError::not_migrated(&name))?
    else {
        return Ok(());
    };
    let files = |at: &Path| {
        let at = at.to_owned();
        move |source| OpenError::Files { path: at, source }
    };
    // SQLite takes a name that begins with `file:` for an address, and one that begins with `/` for itself.
    let path = std::path::absolute(path).map_err(files(path))?;
    let directory = directory(&path);
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(files(&directory))?;
    let unfinished = directory.join("unfinished");
    remove(&unfinished).map_err(files(&unfinished))?;
    if let Err(error) = write_to(&path, writer, &unfinished).await {
        // What is there of it only takes room, and is removed by the next try at the latest.
        if let Err(error) = remove(&unfinished) {
            warn!(path = %unfinished.display(), %error, "a copy that failed was not removed");
        }
        return Err(error);
    }
    let copy = directory.join(format!("before-{migration}.db"));
    fs::rename(&unfinished, &copy).map_err(files(&copy))?;
    File::open(&directory).and_then(|directory| directory.sync_all()).map_err(files(&directory))?;
    info!(copy = %copy.display(), "copied the database before its tables are brought up to date");
    if let Err(error) = remove_old(&directory) {
        warn!(directory = %directory.display(), %error, "old copies of the database were not removed");
    }
    Ok(())
}

/// The first migration that a database which was used before still needs. `None` too for one of a newer program, which
/// is refused anyway.
async fn first_to_come(writer: &SqlitePool) -> Result<Option<i64>, MigrateError> {
    let mut connection = writer.acquire().await?;
    let table = &*MIGRATIONS.table_name;
    connection.ensure_migrations_table(table).await?;
    let applied: Vec<i64> = connection
        .list_applied_migrations(table)
        .await?
        .into_iter()
        .map(|migration| migration.version)
        .collect();
    if applied.is_empty() || !applied.iter().all(|version| MIGRATIONS.version_exists(*version)) {
        return Ok(None);
    }
    let mut versions = MIGRATIONS.iter().map(|migration| migration.version);
    Ok(versions.find(|version| !applied.contains(version)))
}

/// Writes the database to a file that is its owner's alone, and to the disk.
pub(crate) async fn write_to(
    path: &Path,
    writer: &SqlitePool,
    copy: &Path,
) -> Result<(), OpenError> {
    let failed = |source: patchrelay_ports::Cause| OpenError::NotCopied {
        path: path.to_owned(),
        copy: copy.to_owned(),
        source,
    };
    // SQLite writes to a file that is there if it is empty, and to no other.
    let file = open_private(copy).map_err(|error| failed(error.into()))?;
    sqlx::query("VACUUM INTO $1").bind(copy.display().to_string()).execute(writer).await.map_err(
        |error| {
            let code = error.as_database_error().and_then(|error| error.code());
            if code.is_some_and(|code| code == DISK_FULL) {
                OpenError::NoRoom { path: path.to_owned(), copy: copy.to_owned() }
            } else {
                failed(error.into())
            }
        },
    )?;
    file.sync_all().map_err(|error| failed(error.into()))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes all copies but the newest ones. Other files are left alone.
fn remove_old(directory: &Path) -> io::Result<()> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let migration = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_prefix("before-")?.strip_suffix(".db"))
            .and_then(|migration| migration.parse::<i64>().ok());
        copies.extend(migration.map(|migration| (migration, path)));
    }
    copies.sort();
    let old = copies.len().saturating_sub(KEPT);
    copies[..old].iter().try_for_each(|(_, path)| fs::remove_file(path))
}
