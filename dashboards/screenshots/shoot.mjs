// Bundles the page, opens it in a headless Chromium, and photographs every dashboard in data.json.
//   node shoot.mjs data.json folder [UID...]          MODE=light for the light theme
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as esbuild from 'esbuild';
import puppeteer from 'puppeteer-core';

const [data, folder, ...wanted] = process.argv.slice(2);
const mode = process.env.MODE ?? 'dark';
const here = import.meta.dirname;
const { version } = JSON.parse(await readFile(join(here, 'node_modules/@grafana/ui/package.json'), 'utf8'));
const shots = JSON.parse(await readFile(data, 'utf8'));

const context = await esbuild.context({
  entryPoints: [join(here, 'src/page.tsx')],
  outfile: join(here, 'build/page.js'),
  bundle: true,
  jsx: 'automatic',
  // As CommonJS: what some of their own dependencies export by default is found in that form only.
  alias: Object.fromEntries(
    ['ui', 'data', 'schema'].map((name) => [`@grafana/${name}`, join(here, `node_modules/@grafana/${name}/dist/cjs/index.cjs`)])
  ),
  define: { 'process.env.NODE_ENV': '"production"' },
  loader: { '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'empty' },
  logLevel: 'warning',
});
await context.rebuild();
const { port } = await context.serve({ host: '127.0.0.1', servedir: here });
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--force-color-profile=srgb'],
});
try {
  await mkdir(folder, { recursive: true });
  for (const shot of shots.filter(({ dashboard }) => !wanted.length || wanted.includes(dashboard.uid))) {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(`${shot.dashboard.uid}: ${error.stack ?? error}`));
    await page.setViewport({ width: 1600, height: 900 });
    await page.emulateTimezone('UTC');
    await page.goto(`http://127.0.0.1:${port}/page.html`);
    await page.evaluate((...all) => window.draw(...all), shot, mode, 1568, version);
    await page.waitForNetworkIdle({ idleTime: 500 });
    const path = join(folder, `${shot.dashboard.uid}${mode === 'light' ? '-light' : ''}.png`);
    await page.screenshot({ path, fullPage: true });
    console.log(path);
    await page.close();
  }
} finally {
  await browser.close();
  await context.dispose();
}
