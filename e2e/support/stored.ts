/** What a browser keeps of a page. */

/** Runs in the page: whatever a script could read there, bytes read as text. */
export async function readEverythingStored() {
  const found: string[] = [JSON.stringify({ ...localStorage }), JSON.stringify({ ...sessionStorage }), document.cookie];
  let records = 0;
  let extractableKeys = 0;
  const collect = (value: unknown): void => {
    if (value instanceof CryptoKey) {
      extractableKeys += value.extractable ? 1 : 0;
    } else if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
      const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : new Uint8Array(value.buffer);
      found.push(new TextDecoder('latin1').decode(bytes), new TextDecoder('utf-16le').decode(bytes));
    } else if (typeof value === 'object' && value !== null) {
      Object.values(value).forEach(collect);
    } else {
      found.push(String(value));
    }
  };
  const done = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  for (const { name } of await indexedDB.databases()) {
    const database = await done(indexedDB.open(name!));
    for (const store of database.objectStoreNames) {
      for (const record of await done(database.transaction(store).objectStore(store).getAll())) {
        records += 1;
        collect(record);
      }
    }
    database.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const response = await cache.match(request);
      found.push(request.url, JSON.stringify([...(response?.headers ?? [])]), (await response?.text()) ?? '');
    }
  }
  return { text: found.join('\n'), records, extractableKeys };
}
