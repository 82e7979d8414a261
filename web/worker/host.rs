//! What the browser offers a worker: messages and private files.

use crate::protocol::Event;
use js_sys::{Array, Object, Reflect, Uint8Array};
use serde::Serialize;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = postMessage)]
    fn post_message(message: &JsValue, transfer: &Array);

    #[wasm_bindgen(js_namespace = ["navigator", "storage"], js_name = getDirectory, catch)]
    async fn get_directory() -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    pub(crate) fn console_error(text: &str);

    type DirectoryHandle;
    #[wasm_bindgen(method, js_name = getDirectoryHandle, catch)]
    async fn directory(
        this: &DirectoryHandle,
        name: &str,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = getFileHandle, catch)]
    async fn file(
        this: &DirectoryHandle,
        name: &str,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, js_name = removeEntry, catch)]
    async fn remove(
        this: &DirectoryHandle,
        name: &str,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;

    type FileHandle;
    #[wasm_bindgen(method, js_name = createSyncAccessHandle, catch)]
    async fn open(this: &FileHandle) -> Result<JsValue, JsValue>;

    type Access;
    #[wasm_bindgen(method, js_name = getSize, catch)]
    fn size(this: &Access) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn read(this: &Access, into: &mut [u8]) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn write(this: &Access, from: &[u8]) -> Result<f64, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn truncate(this: &Access, size: f64) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn flush(this: &Access) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn close(this: &Access);
}

/// Sends text with buffers that are moved, not copied, once they left WebAssembly's memory.
pub(crate) fn send(message: &impl Serialize, buffers: Vec<Vec<u8>>) {
    let text = serde_json::to_string(message).unwrap_or_else(|error| {
        format!("{{\"event\":{{\"kind\":\"fatal\",\"why\":\"{error}\"}}}}")
    });
    let (list, transfer) = (Array::new(), Array::new());
    for bytes in buffers {
        let buffer = Uint8Array::from(bytes.as_slice()).buffer();
        list.push(&buffer);
        transfer.push(&buffer);
    }
    let object = Object::new();
    // Setting a property of a plain object does not fail.
    let _ = Reflect::set(&object, &"text".into(), &text.into());
    let _ = Reflect::set(&object, &"buffers".into(), &list);
    post_message(&object, &transfer);
}

/// Tells the page something unasked.
pub(crate) fn tell(event: &Event, buffers: Vec<Vec<u8>>) {
    #[derive(Serialize)]
    struct Told<'a> {
        event: &'a Event,
    }
    send(&Told { event }, buffers);
}

/// The text and the buffers of a message.
pub(crate) fn received(message: &JsValue) -> Option<(String, Vec<Vec<u8>>)> {
    let data = Reflect::get(message, &"data".into()).ok()?;
    let text = Reflect::get(&data, &"text".into()).ok()?.as_string()?;
    let buffers = Reflect::get(&data, &"buffers".into()).ok()?;
    let buffers = Array::from(&buffers)
        .iter()
        .map(|buffer| Uint8Array::new(&buffer).to_vec())
        .collect();
    Some((text, buffers))
}

/// Calls `handler` with every message from now on.
pub(crate) fn on_message(handler: impl FnMut(JsValue) + 'static) {
    let closure = Closure::<dyn FnMut(JsValue)>::new(handler);
    let _ = Reflect::set(&js_sys::global(), &"onmessage".into(), closure.as_ref());
    // It listens as long as the worker lives.
    closure.forget();
}

/// A folder of the page's own in the private file system, which belongs to the whole origin.
pub(crate) struct Folder(DirectoryHandle);

fn option(name: &str) -> JsValue {
    let object = Object::new();
    let _ = Reflect::set(&object, &name.into(), &true.into());
    object.into()
}

/// The name of JavaScript's for a kind of error.
fn kind(error: &JsValue) -> Option<String> {
    Reflect::get(error, &"name".into()).ok()?.as_string()
}

/// What JavaScript says of an error.
fn words(error: &JsValue) -> String {
    Reflect::get(error, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .filter(|message| !message.is_empty())
        .unwrap_or_else(|| format!("{error:?}"))
}

/// Name of the folder that holds the page's others.
const PAGE_FOLDER: &str = "hounsfield";

/// The folder that holds the page's others, made where it is not there.
async fn page_folder() -> Result<DirectoryHandle, String> {
    let root = get_directory().await.map_err(|e| words(&e))?;
    let root: DirectoryHandle = root.unchecked_into();
    let folder = root.directory(PAGE_FOLDER, &option("create")).await;
    Ok(folder.map_err(|e| words(&e))?.unchecked_into())
}

impl Folder {
    /// The folder of this name, made where it is not there.
    pub(crate) async fn open(name: &str) -> Result<Self, String> {
        let folder = page_folder()
            .await?
            .directory(name, &option("create"))
            .await;
        Ok(Folder(folder.map_err(|e| words(&e))?.unchecked_into()))
    }

    /// Removes the folder of this name with all in it, if there is one.
    pub(crate) async fn remove(name: &str) -> Result<(), String> {
        match page_folder()
            .await?
            .remove(name, &option("recursive"))
            .await
        {
            Err(error) if kind(&error).as_deref() != Some("NotFoundError") => Err(words(&error)),
            _ => Ok(()),
        }
    }

    async fn access(&self, name: &str, options: &JsValue) -> Result<Access, JsValue> {
        let file: FileHandle = self.0.file(name, options).await?.unchecked_into();
        Ok(file.open().await?.unchecked_into())
    }

    /// Writes a file and waits until it is stored.
    pub(crate) async fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let access = self.access(name, &option("create")).await;
        let access = access.map_err(|e| words(&e))?;
        let write = || {
            access.truncate(0.0)?;
            let written = access.write(bytes)?;
            access.flush()?;
            Ok(written)
        };
        let written: Result<f64, JsValue> = write();
        access.close();
        match written {
            Ok(count) if count == bytes.len() as f64 => Ok(()),
            Ok(_) => Err("the browser's storage for this page is full".to_owned()),
            Err(error) => Err(words(&error)),
        }
    }

    /// The whole content of a file, if there is one.
    pub(crate) async fn read(&self, name: &str) -> Option<Vec<u8>> {
        let access = self.access(name, &Object::new()).await.ok()?;
        let read = || -> Result<Vec<u8>, JsValue> {
            let mut bytes = vec![0; access.size()? as usize];
            let count = access.read(&mut bytes)?;
            bytes.truncate(count as usize);
            Ok(bytes)
        };
        let bytes = read();
        access.close();
        bytes.ok()
    }
}
