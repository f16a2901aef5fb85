"""What people see, in Debian's Chromium, driven by Playwright, on a testbed with all agents."""
