// Runs Python source on MicroPython 1.23.0 compiled to WebAssembly, with copies of files in its own file system.
//
//     node wasm.mjs MICROPYTHON.MJS HEAP_BYTES ROOT SOURCE PATH...
//
// Each PATH (a folder or a file, relative to ROOT) is copied to the same place under /repo, which is the working
// folder. Its output goes to standard output as it is. Exit status 1 if an exception left the source, 70 if the
// interpreter itself died.
import fs from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [library, heap, root, source, ...paths] = process.argv.slice(2);
const { loadMicroPython } = await import(pathToFileURL(library).href);
const output = [];
const flush = () => { if (output.length) { fs.writeSync(1, Buffer.concat(output.splice(0))); } };
const write = (data) => {
    output.push(Buffer.from(data));
    if (data.includes(10)) { flush(); }
};
const micropython = await loadMicroPython({ heapsize: Number(heap), stdout: write, stderr: write, linebuffer: false });

function copy(relative) {
    const from = path.join(root, relative);
    const to = '/repo/' + relative;
    if (fs.statSync(from).isDirectory()) {
        if (path.basename(from) === '__pycache__') { return; }
        micropython.FS.mkdirTree(to);
        fs.readdirSync(from).forEach((name) => copy(relative + '/' + name));
    } else {
        micropython.FS.mkdirTree(path.posix.dirname(to));
        micropython.FS.writeFile(to, fs.readFileSync(from));
    }
}

try {
    micropython.FS.mkdirTree('/repo');
    paths.filter((name) => fs.existsSync(path.join(root, name))).forEach(copy);
    micropython.FS.chdir('/repo');
    micropython.runPython(source);
} catch (error) {
    flush();
    const ours = error.name === 'PythonError';
    process.stderr.write((ours ? error.message : 'interpreter died: ' + error.stack) + '\n');
    process.exitCode = ours ? 1 : 70;
}
flush();
