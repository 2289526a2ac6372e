//! Embeds the built app: every file of its folder, as it is and compressed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use sha2::{Digest, Sha256};

#[path = "src/assets/rules.rs"]
mod rules;

const NOT_BUILT: &str = include_str!("src/assets/not_built.html");

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-env-changed=SIDETONE_DIST");
    println!("cargo:rerun-if-changed=src/assets/rules.rs");
    println!("cargo:rerun-if-changed=src/assets/not_built.html");
    let dist = dist_folder()?;
    println!("cargo:rerun-if-changed={}", dist.display());
    let mut files = BTreeMap::new();
    collect(&dist, &dist, &mut files)?;
    if !files.contains_key("/index.html") {
        files = BTreeMap::from([("/index.html".to_owned(), NOT_BUILT.into())]);
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::write(out.join("embedded.rs"), table(&files, &out)?)
}

/// `SIDETONE_DIST`, else `target/dist` of the workspace. Cargo can only watch what exists, so the
/// latter is made if it is missing.
fn dist_folder() -> io::Result<PathBuf> {
    if let Some(dist) = env::var_os("SIDETONE_DIST") {
        let dist = PathBuf::from(dist);
        let is_app = dist.join("index.html").is_file();
        assert!(
            is_app,
            "SIDETONE_DIST is {}, but there is no index.html: build the app into it with trunk",
            dist.display()
        );
        return dist.canonicalize();
    }
    // Cargo runs this in the package's own folder.
    let dist = PathBuf::from("../../target/dist");
    fs::create_dir_all(&dist)?;
    Ok(dist)
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else {
            let parts = path
                .strip_prefix(root)
                .expect("it is below the root")
                .iter();
            let name: String = parts.map(|p| format!("/{}", p.to_string_lossy())).collect();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(())
}

/// The source of the table that the server looks paths up in.
fn table(files: &BTreeMap<String, Vec<u8>>, out: &Path) -> io::Result<String> {
    let mut source = String::from("&[\n");
    for (number, (path, bytes)) in files.iter().enumerate() {
        let store = |suffix: &str, bytes: &[u8]| -> io::Result<String> {
            let file = out.join(format!("{number}.{suffix}"));
            fs::write(&file, bytes)?;
            Ok(format!("include_bytes!({file:?})"))
        };
        let smaller = |suffix: &str, packed: Vec<u8>| -> io::Result<String> {
            // Less than a twentieth saved is not worth the browser's unpacking.
            if packed.len() * 20 < bytes.len() * 19 {
                Ok(format!("Some({})", store(suffix, &packed)?))
            } else {
                Ok("None".to_owned())
            }
        };
        let hash = Sha256::digest(bytes);
        let etag: String = hash[..12]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(
            source,
            "Asset {{ path: {path:?}, media_type: {:?}, immutable: {}, hash: {etag:?}, \
             plain: {}, brotli: {}, gzip: {}, scripts: &{:?}, styles: &{:?} }},",
            rules::media_type(path),
            rules::is_hashed(path),
            store("plain", bytes)?,
            smaller("br", brotli(bytes)?)?,
            smaller("gz", gzip(bytes)?)?,
            inline_sources(path, bytes, "script"),
            inline_sources(path, bytes, "style"),
        )
        .expect("a string takes all");
    }
    source.push(']');
    Ok(source)
}

/// The entries of the policy that allow this page's own scripts or styles.
fn inline_sources(path: &str, bytes: &[u8], element: &str) -> Vec<String> {
    use base64::Engine as _;
    if !path.ends_with(".html") {
        return Vec::new();
    }
    let html = String::from_utf8_lossy(bytes);
    rules::inline(&html, element)
        .map(|text| {
            let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
            format!("'sha256-{hash}'")
        })
        .collect()
}

/// The best compression takes its time, which only a release should spend.
fn is_release() -> bool {
    env::var("PROFILE").is_ok_and(|profile| profile == "release")
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let quality = if is_release() { 11 } else { 5 };
    let mut packed = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut packed, 4096, quality, 22);
    writer.write_all(bytes)?;
    writer.flush()?;
    drop(writer);
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let level = flate2::Compression::new(if is_release() { 9 } else { 6 });
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), level);
    writer.write_all(bytes)?;
    writer.finish()
}
