// The page that is photographed: one dashboard, its panels where Grafana would have them.
import '@fontsource/inter/latin-400.css';
import '@fontsource/inter/latin-500.css';
import '@fontsource/roboto-mono/latin-400.css';

import { createTheme, dateTimeFormat, type GrafanaTheme2, locationUtil, ThemeContext } from '@grafana/data';
import { GlobalStyles, Icon, PanelChrome } from '@grafana/ui';
import moment from 'moment';
import { Component, type ReactNode } from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';

import { framesOf, type Panel, replacer, type Shot } from './data';
import { Visualization } from './visualization';

const CELL = 30;
const MARGIN = 8;
const COLUMNS = 24;

function Board({ shot, frames, theme, width, version }: any) {
  const column = (width + MARGIN) / COLUMNS;
  const panels: Panel[] = shot.dashboard.panels.flatMap((panel: Panel) => [panel, ...(panel.panels ?? [])]);
  const bottom = Math.max(...panels.map(({ gridPos: { y, h } }) => (y + h) * (CELL + MARGIN)));
  const replace = replacer(shot);
  return (
    <div style={{ padding: 16, width: width + 32 }}>
      <Head shot={shot} theme={theme} version={version} />
      <div style={{ position: 'relative', height: bottom }}>
        {panels.map((panel) => {
          const { x, y, w, h } = panel.gridPos;
          const size = { width: Math.floor(w * column - MARGIN), height: h * (CELL + MARGIN) - MARGIN };
          const title = replace(panel.title ?? '');
          return (
            <div key={panel.id} data-panel={panel.id} style={{ position: 'absolute', left: x * column, top: y * (CELL + MARGIN), ...size }}>
              {panel.type === 'row' ? (
                <div style={{ ...theme.typography.h6, margin: '6px 0' }}>
                  <Icon name={panel.panels?.length ? 'angle-right' : 'angle-down'} /> {title}
                </div>
              ) : (
                <PanelChrome
                  {...size}
                  title={title}
                  description={panel.description}
                  padding={panel.type === 'table' || panel.type === 'stat' ? 'none' : 'md'}
                  displayMode={panel.transparent ? 'transparent' : 'default'}
                  hoverHeader={!title}
                >
                  {(innerWidth, innerHeight) => (
                    <Named title={title}>
                      <Visualization panel={panel} shot={shot} frames={frames[panel.id]} width={innerWidth} height={innerHeight} />
                    </Named>
                  )}
                </PanelChrome>
              )}
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Says which panel cannot be drawn, where React would name its own functions only. */
class Named extends Component<{ title: string; children: ReactNode }> {
  componentDidCatch(error: Error) {
    throw new Error(`${this.props.title}: ${error.stack}`);
  }

  render() {
    return this.props.children;
  }
}

function Head({ shot, theme, version }: { shot: Shot; theme: GrafanaTheme2; version: string }) {
  const format = (at: number) => dateTimeFormat(at, { timeZone: 'utc', format: 'YYYY-MM-DD HH:mm' });
  const chip = { border: `1px solid ${theme.colors.border.weak}`, borderRadius: 2, padding: '4px 8px', whiteSpace: 'nowrap' } as const;
  return (
    <div style={{ display: 'flex', gap: 8, alignItems: 'center', marginBottom: 12 }}>
      <span style={{ ...theme.typography.h4, marginRight: 8 }}>{shot.dashboard.title}</span>
      {shot.dashboard.templating.list
        .filter(({ name, hide }) => name in shot.variables && hide !== 2)
        .map(({ name, label }) => (
          <span key={name} style={chip}>
            {label ?? name} <b style={{ color: theme.colors.text.maxContrast }}>{shot.variables[name] === '.+' ? 'All' : shot.variables[name]}</b>
          </span>
        ))}
      <span style={{ flex: 1, textAlign: 'right', color: theme.colors.text.secondary, ...theme.typography.bodySmall }}>
        A replayed incident, drawn with @grafana/ui {version}; no Grafana server
      </span>
      <span style={chip}>
        {format(shot.from)} to {format(shot.to)} UTC
      </span>
    </div>
  );
}

/** Draws one dashboard; called by shoot.mjs. */
async function draw(shot: Shot, mode: 'dark' | 'light', width: number, version: string): Promise<void> {
  moment.now = () => shot.to;
  locationUtil.initialize({
    config: { appSubUrl: '' } as any,
    getVariablesUrlParams: () => ({}),
    getTimeRangeForUrl: () => ({ from: shot.from, to: shot.to }),
  });
  const theme = createTheme({ colors: { mode } });
  await Promise.all(['400 12px Inter', '500 12px Inter', '400 12px "Roboto Mono"'].map((font) => document.fonts.load(font)));
  const panels = shot.dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  const frames = Object.fromEntries(
    await Promise.all(panels.map(async (panel) => [panel.id, await framesOf(panel, shot, theme)] as const))
  );
  document.body.replaceChildren(document.createElement('main'));
  const root = createRoot(document.body.firstElementChild!);
  flushSync(() =>
    root.render(
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <Board shot={shot} frames={frames} theme={theme} width={width} version={version} />
      </ThemeContext.Provider>
    )
  );
}

Object.assign(window, { draw });
