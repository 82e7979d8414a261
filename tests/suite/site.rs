//! What tests of pages share: programs that must succeed, and a server for a folder.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Cargo's target folder.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// Runs to the end, in the project's folder, and gives what went to standard error.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command
        .current_dir(ROOT)
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{errors}",
        String::from_utf8_lossy(&output.stdout)
    );
    errors
}

/// Results that a script left in its folder.
pub(crate) fn results(folder: &Path) -> serde_json::Value {
    let seen = std::fs::read(folder.join("results.json")).unwrap();
    serde_json::from_slice(&seen).unwrap()
}

/// Serves a folder from threads of its own, as long as the tests run. Gives its address. Asked for `off`, it hangs up on
/// everybody until it is asked for `on`.
pub(crate) fn serve(site: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let off = Arc::new(AtomicBool::new(false));
        for stream in listener.incoming().flatten() {
            let (site, off) = (site.clone(), Arc::clone(&off));
            std::thread::spawn(move || answer(stream, &site, &off));
        }
    });
    address
}

/// Answers one request; what breaks off is the browser's affair.
fn answer(mut stream: TcpStream, site: &Path, off: &AtomicBool) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut line = String::new();
    while reader.read_line(&mut line).ok()? > 2 {
        line.clear();
    }
    let path = first.split_whitespace().nth(1)?.split('?').next()?;
    let name = match path.trim_start_matches('/') {
        switch @ ("off" | "on") => {
            off.store(switch == "off", Ordering::Relaxed);
            return stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").ok();
        }
        _ if off.load(Ordering::Relaxed) => return None,
        "" => "index.html",
        name => name,
    };
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("svg") => "image/svg+xml",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    let (status, body) = match std::fs::read(site.join(name)) {
        Ok(bytes) => ("200 OK", bytes),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    stream.write_all(&body).ok()
}
