//! The kernels in headless Chromium: on WebGPU with its software adapter, and on the CPU in WebAssembly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Compiling shaders on two cores takes most of it.
const PATIENCE: Duration = Duration::from_secs(900);

fn target() -> PathBuf {
    let from_environment = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    from_environment.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"))
}

/// Runs to the end and gives what went to standard error.
fn run(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Builds the page's program and gives the folder that holds it.
fn site() -> tempfile::TempDir {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let told = run(Command::new(env!("CARGO")).current_dir(root).args([
        "build",
        "--release",
        "--locked",
        "--target=wasm32-unknown-unknown",
        "--no-default-features",
        "--features=web",
        "--bin=web-check",
    ]));
    // Cargo repeats the warnings of a build that it did before.
    assert!(!told.contains("warning:"), "{told}");
    let site = tempfile::tempdir().unwrap();
    let wasm = target().join("wasm32-unknown-unknown/release/web-check.wasm");
    run(Command::new("wasm-bindgen")
        .args(["--target=web", "--no-typescript", "--out-dir"])
        .arg(site.path())
        .arg(wasm));
    std::fs::copy(root.join("web/check.html"), site.path().join("check.html")).unwrap();
    site
}

/// Ends the browser with the test.
struct Browser(Child);

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn open(address: &str, profile: &Path) -> Browser {
    let chromium = std::env::var("HOUNSFIELD_CHROMIUM").unwrap_or_else(|_| "chromium".to_owned());
    let child = Command::new(&chromium)
        .args([
            "--headless",
            "--no-sandbox",
            "--enable-unsafe-webgpu",
            "--use-webgpu-adapter=swiftshader",
            "--enable-features=Vulkan",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ])
        .arg(format!("--user-data-dir={}", profile.display()))
        .arg(address)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("{chromium} cannot be started (Debian: chromium): {error}"));
    Browser(child)
}

/// Serves the folder until something is posted, and gives that.
fn serve(listener: &TcpListener, site: &Path) -> String {
    listener.set_nonblocking(true).unwrap();
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        match listener.accept() {
            Ok((stream, _)) => {
                if let Some(posted) = answer(stream, site) {
                    return posted;
                }
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
    panic!("the page sent no result within {PATIENCE:?}");
}

fn answer(mut stream: TcpStream, site: &Path) -> Option<String> {
    stream.set_nonblocking(false).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut words = first.split_whitespace();
    let (method, path) = (words.next()?, words.next()?);
    let respond = |stream: &mut TcpStream, status: &str, kind: &str, body: &[u8]| {
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(body);
    };
    if method == "POST" {
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        respond(&mut stream, "204 No Content", "text/plain", b"");
        return Some(String::from_utf8(body).unwrap());
    }
    let name = path.split('?').next()?.trim_start_matches('/');
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    };
    match std::fs::read(site.join(name)) {
        Ok(bytes) => respond(&mut stream, "200 OK", kind, &bytes),
        Err(_) => respond(&mut stream, "404 Not Found", "text/plain", b""),
    }
    None
}

fn suite_on(site: &Path, device: &str) -> serde_json::Value {
    let profile = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = format!("http://127.0.0.1:{port}/check.html?device={device}");
    let _browser = open(&address, profile.path());
    let posted: serde_json::Value = serde_json::from_str(&serve(&listener, site)).unwrap();
    assert!(posted["error"].is_null(), "{device}: {}", posted["error"]);
    posted
}

#[test]
fn the_kernels_are_right_in_chromium_on_webgpu_and_on_the_cpu() {
    let site = site();
    for (device, description) in [("auto", "WebGPU"), ("cpu", "CPU in WebAssembly")] {
        let found = suite_on(site.path(), device);
        assert_eq!(found["device"], description);
        let suite = found["suite"].as_array().unwrap();
        assert!(suite.len() > 60, "{} comparisons", suite.len());
        for result in suite {
            let error = result["error"].as_f64().unwrap_or(f64::INFINITY);
            assert!(
                error <= hounsfield::device::SUITE_TOLERANCE,
                "{device}: {} is off by {error:.1e}",
                result["name"]
            );
        }
    }
}
