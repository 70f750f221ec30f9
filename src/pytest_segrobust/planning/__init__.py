"""`segrobust plan`: what a verification costs and how many patients it needs, before it runs."""
