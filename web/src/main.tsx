/** Starts the dashboard. */
import { render } from 'preact'
import { App } from './app.tsx'
import './style.css'
import './pages.css'

render(<App />, document.getElementById('app')!)
