// The one place that names the library for DOM updates.
export { html, render, Component, useState, useEffect, useRef, useCallback, useMemo } from "/pages/vendor/htm-preact.js";
