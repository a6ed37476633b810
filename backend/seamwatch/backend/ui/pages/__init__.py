"""The pages of the dashboard; each module lists its routes in ``ROUTES``."""
